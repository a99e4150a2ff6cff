"""The daemon's standing jobs: each is given the core and runs as a task, started again if it dies."""
