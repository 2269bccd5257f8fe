"""Studies of the paper: one module each, which unfolds its entry of a campaign into ordinary entries."""
