"""Report: one self-contained page, its figures and results.json, from committed tasks alone."""
