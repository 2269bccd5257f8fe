"""Tasks, keys and folders, on which every room agrees. Standard library only."""
