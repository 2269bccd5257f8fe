"""Builders: one module for each kind of `build`, a function from the context to frames and more values."""
