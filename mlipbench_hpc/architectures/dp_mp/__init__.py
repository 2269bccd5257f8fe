"""Deep Potential with message passing, Eqs. 8-11 of the paper, in JAX (see card.toml)."""
