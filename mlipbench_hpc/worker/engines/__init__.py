"""Molecular dynamics engines: one protocol each, written once for every architecture."""
