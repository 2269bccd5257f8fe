"""Deep Potential (se_e2_a) through deepmd-kit's TensorFlow backend (see card.toml)."""
