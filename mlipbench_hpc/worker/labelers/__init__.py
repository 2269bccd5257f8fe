"""One module for each reference potential: `generate(start, context) -> Frames`, labelled."""
