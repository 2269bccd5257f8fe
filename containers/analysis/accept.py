"""The image of `analysis` works: white noise is what is known of it, numba compiles, MDAnalysis reads."""

import tempfile
from pathlib import Path

import MDAnalysis
import numpy as np
import scipy.stats
from acceptance import packages
from numba import njit

packages()
noise = np.random.default_rng(3).normal(size=4096)
assert scipy.stats.kstest(noise, "norm").pvalue > 1e-3
assert abs(np.linalg.norm(np.fft.fft(noise)) / 64 - np.linalg.norm(noise)) < 1e-9
print("scipy and the FFT agree with what is known")

assert njit(lambda x: 2 * x)(noise).sum() == (2 * noise).sum(), "a compiled loop differs"
print("numba compiles")

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "two.xyz"
    path.write_text("1\n\nO 0 0 1.5\n1\n\nO 0 0 2.5\n")
    heights = [float(step.positions[0, 2]) for step in MDAnalysis.Universe(str(path)).trajectory]
assert heights == [1.5, 2.5], heights
print("MDAnalysis reads both frames")
