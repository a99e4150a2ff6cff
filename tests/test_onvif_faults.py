"""Every fault of the catalogue over real sockets: it ends in time, with its reason, and harms nobody."""

from __future__ import annotations

import asyncio
import gc
import socket
import tracemalloc
from pathlib import Path

import pytest

from monitor.model import Reason
from monitor.simulate.faults import Fault
from tests.camera_support import ask, cameras, fleet, target, value
from tests.test_onvif_poll import collector

REASONS = {
    Fault.STALL: Reason.TIMEOUT,
    Fault.DRIP: Reason.TIMEOUT,
    Fault.ENDLESS_BODY: Reason.OVERSIZE,
    Fault.ENDLESS_HEAD: Reason.OVERSIZE,
    Fault.GZIP_BOMB: Reason.PROTOCOL,
    Fault.ENTITY_BOMB: Reason.PROTOCOL,
    Fault.EXTERNAL_ENTITY: Reason.PROTOCOL,
    Fault.DEEP_XML: Reason.OVERSIZE,
    Fault.MANY_ELEMENTS: Reason.OVERSIZE,
    Fault.REDIRECT: Reason.UNEXPECTED,
    Fault.LOGIN_PAGE: Reason.PROTOCOL,
    Fault.EMPTY: Reason.PROTOCOL,
    Fault.JPEG: Reason.PROTOCOL,
    Fault.TRUNCATED: Reason.PROTOCOL,
    Fault.WRONG_RESPONSE: Reason.PROTOCOL,
    Fault.EMPTY_FIELDS: Reason.PROTOCOL,
    Fault.GARBAGE: Reason.PROTOCOL,
    Fault.RESET: Reason.PROTOCOL,
    Fault.SERVER_ERROR: Reason.UNEXPECTED,
    Fault.WRONG_PASSWORD: Reason.AUTH,
}


async def test_each_fault_ends_in_time_with_its_reason_and_the_others_are_well(tmp_path: Path) -> None:
    async with fleet(len(REASONS) + 20) as server:
        odd = dict(zip(REASONS, cameras(server), strict=False))
        for fault, camera in odd.items():
            camera.fault = fault
        check = collector(server, tmp_path, timeout="4s")
        results = await ask(check, [target(c.address) for c in cameras(server)])
        assert {fault: results[camera.address].reason for fault, camera in odd.items()} == REASONS
        assert all(results[camera.address].detail for camera in odd.values())
        assert all(results[c.address].ok for c in cameras(server) if c.fault is Fault.NONE)


def test_the_catalogue_has_no_fault_that_is_not_tried() -> None:
    from tests.test_rtsp_proof import REASONS as RTSP

    habits = {Fault.NONE, Fault.CLOSE_EACH, Fault.REPLACED, Fault.FOREIGN_XADDR, Fault.PACKET_LOSS}
    assert set(Fault) == habits | set(REASONS) | set(RTSP) | {Fault.REBOOTING}


@pytest.mark.parametrize("fault", REASONS, ids=str)
async def test_a_fault_costs_at_most_four_megabytes(tmp_path: Path, fault: Fault) -> None:
    async with fleet(2) as server:
        odd, well = cameras(server)
        check = collector(server, tmp_path, timeout="200ms")
        await ask(check, [target(well.address), target(odd.address)])
        odd.fault = fault
        await ask(check, [target(odd.address)])  # the simulator's own bombs are built once
        gc.collect()
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            await ask(check, [target(odd.address)])
            # The peak holds the simulator's side of the talk as well: a megabyte of its own in flight.
            assert tracemalloc.get_traced_memory()[1] - before <= 4 << 20
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("fault", [Fault.REDIRECT, Fault.FOREIGN_XADDR])
async def test_nobody_is_lured_to_another_host(tmp_path: Path, fault: Fault) -> None:
    async with fleet(4) as server:
        lured: list[bytes] = []

        async def decoy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            lured.append(await reader.read(100))
            writer.close()

        trap = socket.socket()
        trap.bind((server.fleet.decoy, 0))
        listener = await asyncio.start_server(decoy, sock=trap)
        try:
            for camera in cameras(server):
                camera.fault = fault
            results = await ask(collector(server, tmp_path), [target(c.address) for c in cameras(server)])
        finally:
            listener.close()
            await listener.wait_closed()
        assert lured == []
        if fault is Fault.FOREIGN_XADDR:  # a camera behind NAT: its services are asked where it is
            assert all(r.ok and value(r, "onvif.stream_uri_foreign") is True for r in results.values())
        else:
            assert {r.reason for r in results.values()} == {Reason.UNEXPECTED}
