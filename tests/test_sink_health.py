"""/metrics, /healthz and /readyz on a real port."""

from __future__ import annotations

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from monitor.health.server import HealthServer
from monitor.health.settings import HealthSettings
from monitor.model import Point, WallMs
from tests.addresses import free_port

POINTS = [
    Point("camwatch_sink", (), (("written", 7), ("spool_bytes", 12)), WallMs(0)),
    Point("camwatch_check", (("check", "icmp"),), (("overruns", 1), ("round_max_s", 0.25)), WallMs(0)),
    Point("camwatch_check", (("check", "tcp"),), (("overruns", 2),), WallMs(0)),
    Point("online_rate", (("scope", "all"),), (("online", 95), ("rate", 95.0)), WallMs(0)),
    Point("nowhere_described", (), (("x", 1),), WallMs(0)),
]


async def test_the_three_pages_answer() -> None:
    troubles = [""]
    settings = HealthSettings(port=free_port())
    server = HealthServer(settings, lambda: POINTS, lambda: troubles[0])
    await server.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{settings.port}") as session:
            async with session.get("/healthz") as answer:
                assert (answer.status, await answer.text()) == (200, "ok\n")
            async with session.get("/readyz") as answer:
                assert answer.status == 200
            troubles[0] = "the spool cannot be written"
            async with session.get("/readyz") as answer:
                assert (answer.status, await answer.text()) == (503, "the spool cannot be written\n")
            async with session.get("/metrics") as answer:
                text = await answer.text()
            async with session.get("/") as answer:
                assert answer.status == 404
    finally:
        await server.stop()
    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples == {
        ("camwatch_sink_written_total", ()): 7.0,
        ("camwatch_sink_spool_bytes", ()): 12.0,
        ("camwatch_check_overruns_total", (("check", "icmp"),)): 1.0,
        ("camwatch_check_overruns_total", (("check", "tcp"),)): 2.0,
        ("camwatch_check_round_max_s", (("check", "icmp"),)): 0.25,
        ("online_rate_online", (("name", ""), ("scope", "all"))): 95.0,
        ("online_rate_rate", (("name", ""), ("scope", "all"))): 95.0,
    }


async def test_without_a_port_nothing_listens() -> None:
    server = HealthServer(HealthSettings(), lambda: POINTS, lambda: "")
    await server.start()
    assert server._runner is None
    await server.stop()


def test_only_loopback_is_accepted() -> None:
    with pytest.raises(ValueError, match="of this machine only"):
        HealthSettings(port=9100, address="0.0.0.0")
