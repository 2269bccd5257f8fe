"""An architecture whose every number can be worked out by hand, and which fails when it is told to."""
