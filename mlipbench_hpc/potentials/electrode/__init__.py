"""Water and Na+ on a gold electrode of constant charge (see card.toml)."""
