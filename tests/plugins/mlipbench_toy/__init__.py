"""A third party's architecture: pair potentials linear in Gaussians, numpy only, trained in milliseconds."""
