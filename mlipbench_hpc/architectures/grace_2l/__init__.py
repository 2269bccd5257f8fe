"""GRACE of two layers through tensorpotential (see card.toml): the code of grace_1l."""
