"""Devices, sites and areas: read from TOML, CSV and XLSX, checked as a whole, held frozen."""

from monitor.inventory.model import Change, Diff, Inventory, Site, diff

__all__ = ["Change", "Diff", "Inventory", "Site", "diff"]
