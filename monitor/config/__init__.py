"""The configuration: TOML files and inventories → one frozen, typed, checked whole.

``load`` either gives a ``Config`` that can take effect or raises ``ConfigError`` with every fault of every
file; the warnings of a sound one are in ``Config.warnings``.
"""

from monitor.config.daemon import DaemonSettings, KindSettings, LogFormat, LogLevel
from monitor.config.load import Config, Reading, contract_terms, daemon_settings, load, read
from monitor.problems import ConfigError, Level, Problem

__all__ = [
    "Config",
    "ConfigError",
    "DaemonSettings",
    "KindSettings",
    "Level",
    "LogFormat",
    "LogLevel",
    "Problem",
    "Reading",
    "contract_terms",
    "daemon_settings",
    "load",
    "read",
]
