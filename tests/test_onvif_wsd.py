"""WS-Discovery over real datagrams: who answers is found, who was not asked is not heard."""

from __future__ import annotations

import asyncio
import random
import socket

from hypothesis import given
from hypothesis import strategies as st

from monitor.collectors.onvif.wsd import Prober, parse_match
from monitor.simulate.camera import SimCamera
from monitor.simulate.faults import Fault
from monitor.simulate.wsd_service import WsdService
from tests.camera_support import cameras, fleet


async def test_every_camera_that_is_asked_is_found() -> None:
    async with fleet(300) as server:
        silent, odd, *well = cameras(server)
        silent.fault, odd.fault = Fault.STALL, Fault.GARBAGE
        prober = Prober(random.Random(2), server.ports.wsd)
        try:
            asked = [c.address for c in cameras(server)] + ["127.31.200.200"]
            found = {m.address: m for m in await prober.unicast(asked, 5000, 1.0)}
        finally:
            prober.close()
        assert set(found) == {c.address for c in well}
        for camera in well:
            match = found[camera.address]
            assert (match.hardware, match.name) == (camera.model, f"SIMCAM {camera.model}")
            assert match.boot == camera.boot
            assert match.service == f"http://{camera.address}:{server.ports.http}/onvif/device_service"


async def test_a_multicast_probe_hears_only_admitted_addresses() -> None:
    async with fleet(6) as server:
        wanted = {c.address for c in cameras(server)[:4]}
        prober = Prober(random.Random(2), server.ports.wsd)
        try:
            found = await prober.multicast(wanted.__contains__, 1.0, "127.0.0.1")
        finally:
            prober.close()
        assert {match.address for match in found} == wanted


async def test_an_answer_to_another_probe_or_from_another_address_is_not_heard() -> None:
    service = WsdService.__new__(WsdService)  # only its message template is wanted
    service._fleet, service._http_port = None, 80  # type: ignore[assignment]
    raw = WsdService._matches(service, SimCamera("127.31.0.1", "S"), "urn:uuid:ours")
    assert parse_match(raw, "urn:uuid:ours", "127.31.0.1") is not None
    assert parse_match(raw, "urn:uuid:theirs", "127.31.0.1") is None

    prober = Prober(random.Random(2), 9)
    try:
        stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with stranger:
            stranger.bind(("127.31.0.9", 0))
            asking = asyncio.ensure_future(prober.unicast(["127.31.0.1"], 1000, 0.2))
            await asyncio.sleep(0.05)
            port = prober._sock.getsockname()[1]
            stranger.sendto(
                WsdService._matches(service, SimCamera("x", "S"), prober._message), ("127.0.0.1", port)
            )
            assert await asking == []
    finally:
        prober.close()


@given(st.binary(max_size=300))
def test_any_datagram_is_a_match_or_nothing(raw: bytes) -> None:
    assert parse_match(raw, "urn:uuid:x", "127.0.0.1") is None
