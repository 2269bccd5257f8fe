"""Members' own MD against the truth: compact results of a store, joined over stores, judged, shown."""
