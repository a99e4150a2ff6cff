"""Apprise plugins of our own: the registry. A new one is one file beside this one and one line below.

Where Apprise has a plugin of the same scheme, ours takes its place: theirs reports a refusal as a success
(HTTP 200 with an error code in the body) or cuts UTF-8 in the wrong place.
"""

from __future__ import annotations

from importlib import import_module

from apprise.plugins import N_MGR

PLUGINS = ("monitor.notifiers.plugins.wecom:WeComRobot",)


def load_plugins() -> None:
    """Loads Apprise's plugins, then puts ours in place. Costs about a second: once per courier."""
    N_MGR.load_modules()
    for entry in PLUGINS:
        module, _, name = entry.partition(":")
        N_MGR.add(getattr(import_module(module), name), force=True)
