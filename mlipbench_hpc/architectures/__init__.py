"""One folder an architecture: card.toml (data, read on the login node) and adapter.py (imported in its image)."""
