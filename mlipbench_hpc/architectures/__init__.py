"""One folder an architecture: card.toml (read on the login node) and adapter.py (imported in its image)."""
