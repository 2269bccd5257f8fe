"""Reference potentials, which label frames in place of DFT: one folder each, with a card and an adapter."""
