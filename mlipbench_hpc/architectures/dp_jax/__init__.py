"""Deep Potential of one layer, Eqs. 8-9 of the paper, in JAX (see card.toml): the code of dp_mp."""
