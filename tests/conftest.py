"""What holds for every test."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.icmp_support import firewall, net
from tests.street_support import phone, street

__all__ = ("firewall", "net", "phone", "street")  # fixtures of several rooms

# On a busy machine making an example may take longer than Hypothesis thinks sound: that is no fault of ours.
# And where the examples of a test share a folder, each writes its files anew.
settings.register_profile(
    "searching",
    deadline=None,
    derandomize=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("repeatable", settings.get_profile("searching"), derandomize=True)

SLOW_ROOMS = (
    "test_daemon",
    "test_service",
    "test_guard",
    "test_core",
    "test_sink",
    "test_reports",
    "test_baseline",
)
"""Files whose tests mostly wait for real processes."""


def pytest_configure(config: pytest.Config) -> None:
    """What judges a change tries the same examples each time: whether it passes is no matter of luck, and a
    failure is of the change. New examples are looked for by ``make long``."""
    judging = "not long" in config.getoption("markexpr")
    settings.load_profile("repeatable" if judging else "searching")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Several workers take file after file: the slow ones first, so that none is alone at the end."""
    items.sort(key=lambda item: not Path(item.path).name.startswith(SLOW_ROOMS))
