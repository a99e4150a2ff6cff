"""Simulated devices: what tests, benchmarks and the demo watch instead of a real network."""
