"""The daemon's standing jobs: each is given the daemon and runs as a task, started again if it dies."""
