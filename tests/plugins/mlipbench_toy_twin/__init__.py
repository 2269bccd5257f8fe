"""A third party's kernel for the tests' own architecture."""
