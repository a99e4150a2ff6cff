"""Files that come with Camwatch: units, example configuration, dashboards, documentation.

In the source tree ``monitor/data`` holds links to the folders at its top; a wheel holds the files themselves.
"""

from __future__ import annotations

from pathlib import Path

_DATA = Path(__file__).parent / "data"
ETC = _DATA / "etc"
"""Example configuration, and Grafana's provisioning and dashboards."""
SYSTEMD = _DATA / "systemd"
DOCS = _DATA / "docs"
