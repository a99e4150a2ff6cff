"""Camwatch: watches thousands of surveillance cameras and what carries them."""

__version__ = "0.1.0"
