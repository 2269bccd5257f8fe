"""eSEN through fairchem-core: equivariant message passing in the frames of the edges (see card.toml)."""
