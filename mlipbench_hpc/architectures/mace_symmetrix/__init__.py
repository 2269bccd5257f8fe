"""MACE by symmetrix-xl: a kernel compiled for the shape of a model (see the card of mace)."""
