"""GRACE of one layer through tensorpotential (see card.toml); its code serves grace_2l too."""
