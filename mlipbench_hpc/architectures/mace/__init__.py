"""MACE through mace-torch: higher-order equivariant message passing (see card.toml)."""
