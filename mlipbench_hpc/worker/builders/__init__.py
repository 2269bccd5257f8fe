"""One module for each kind of thing `build` makes: a function of the context, to frames and more values."""
