"""Values that tasks do not state because keys from before the parameter existed stay."""

# Element of the slab in tasks that sample frames or calibrate a committee.
METAL = "Au"
