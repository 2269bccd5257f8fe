"""The campaign and site files: schema, loading, every mistake at once."""
