"""Arrays in, numbers out: no files, no plots."""
