"""The image of `jax` works."""

from acceptance import versions

versions()
