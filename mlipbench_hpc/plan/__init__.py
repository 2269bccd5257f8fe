"""Pure functions: from a campaign to its task graph, its cost and its state."""
