"""Looking for devices, asking them once what they can do, and one device closely."""
