"""DP by JAX: deepmd-kit's trained models without deepmd-kit, uncompressed (see the card of dp)."""
