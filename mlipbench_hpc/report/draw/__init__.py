"""How figures are drawn: style and axes, profiles and bands, overlays, curves."""
