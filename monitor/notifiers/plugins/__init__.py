"""Services of our own, registered with Apprise. A new one is one file beside this one and one line below.

Where Apprise has a plugin of the same scheme, ours takes its place: theirs reports refusals as successes
(HTTP 200 with an error code in the body) or cuts UTF-8 in the wrong place.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from monitor.notifiers.plugins.adapter import apprise_plugin

SERVICES = ("monitor.notifiers.plugins.wecom:WeComRobot",)

_plugins: Any = import_module("apprise.plugins").N_MGR


def load_plugins() -> None:
    """Loads Apprise's plugins, then puts ours in place. Costs about a second: once per courier."""
    _plugins.load_modules()
    for entry in SERVICES:
        module, _, name = entry.partition(":")
        _plugins.add(apprise_plugin(getattr(import_module(module), name)), force=True)
