"""Frames: reading, checks, hashes, splits. numpy and ASE only."""
