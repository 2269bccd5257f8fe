"""Figures: style and axes, profiles and bands, overlays, curves."""
