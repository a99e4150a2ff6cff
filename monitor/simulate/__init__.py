"""Stand-ins for the world outside, for the demo: cameras, and the phone that messages arrive on."""
