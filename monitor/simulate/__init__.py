"""Simulated fleets: for the demo, for benchmarks, and for trying Camwatch before it touches a network."""
