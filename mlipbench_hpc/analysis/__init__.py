"""Analysis of arrays: no files, no plots."""
