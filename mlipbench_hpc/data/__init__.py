"""Frames: read, check, hash, split. numpy and ASE only."""
