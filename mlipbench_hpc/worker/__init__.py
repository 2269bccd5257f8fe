"""Worker inside the image: one process runs one task in one folder, JSON in, files and result.json out."""
