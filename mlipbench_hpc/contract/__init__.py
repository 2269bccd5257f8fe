"""What every room agrees on: tasks, keys, folders. Standard library only."""
