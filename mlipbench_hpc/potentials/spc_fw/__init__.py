"""Flexible SPC water (see card.toml)."""
