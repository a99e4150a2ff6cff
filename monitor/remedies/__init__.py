"""Curing from afar: what alerts ask for, its limits, and how it is carried out."""
