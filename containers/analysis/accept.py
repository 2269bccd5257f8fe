"""The image of `analysis` works: block errors of white noise are those of independent samples."""

import numpy as np
import scipy.stats
from acceptance import versions

versions()
noise = np.random.default_rng(3).normal(size=4096)
assert scipy.stats.kstest(noise, "norm").pvalue > 1e-3
assert abs(np.linalg.norm(np.fft.fft(noise)) / 64 - np.linalg.norm(noise)) < 1e-9
print("scipy and the FFT agree with what is known")
