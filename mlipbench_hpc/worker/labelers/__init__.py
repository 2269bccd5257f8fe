"""One module for each reference potential: its `Engine` labels frames and drives sampling."""
