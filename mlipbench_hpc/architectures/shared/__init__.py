"""Common code of adapters. It runs inside images: numpy and ASE only, neither torch nor TensorFlow."""
