"""What our own uplink is judged by: the carrier of an interface, and reference addresses."""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from monitor.collectors.base import Collector, Env
from monitor.collectors.icmp import IcmpCollector, IcmpSettings
from monitor.model import Device, DeviceId, Kind

log = structlog.get_logger(room="sight")

PROC_ROUTES = Path("/proc/net/route")
PROC_ROUTES6 = Path("/proc/net/ipv6_route")
SYS_NET = Path("/sys/class/net")
MAX_REFERENCES = 16
_EYES = IcmpSettings.model_validate({"echoes": 2, "timeout": "800ms"})


def default_route(routes: Path = PROC_ROUTES, routes6: Path = PROC_ROUTES6) -> tuple[str, str]:
    """Interface and gateway of the default route (IPv4, else IPv6); empty where there is none."""
    try:
        for line in routes.read_text().splitlines()[1:]:
            fields = line.split()
            if fields[1] == "00000000" and int(fields[3], 16) & 2:
                return fields[0], socket.inet_ntoa(struct.pack("=I", int(fields[2], 16)))
        for line in routes6.read_text().splitlines():
            fields = line.split()
            if fields[0] == "0" * 32 and fields[1] == "00" and fields[4] != "0" * 32 and fields[9] != "lo":
                return fields[9], str(ipaddress.IPv6Address(bytes.fromhex(fields[4])))
    except (OSError, IndexError, ValueError):
        pass
    return "", ""


def carrier(interface: str, sys_net: Path = SYS_NET) -> bool:
    """Whether the interface has its link. An interface that cannot be asked (it is down) has none; one that
    is not there at all tells nothing."""
    if not interface or not (sys_net / interface).exists():
        return True
    try:
        return (sys_net / interface / "carrier").read_text().strip() == "1"
    except OSError:
        return False


def reference_devices(configured: Sequence[str], devices: Mapping[DeviceId, Device]) -> list[Device]:
    """What to probe: the configured addresses, or the default gateway and the fleet's own uplink devices,
    those that others hang on and that have no parent themselves."""
    if configured:
        return [_reference(address) for address in configured]
    _, gateway = default_route()
    parents = {parent for device in devices.values() for parent in device.parents}
    tops = [d for d in devices.values() if d.id in parents and not d.parents and "icmp" in d.checks]
    found = [_reference(gateway)] if gateway else []
    return (found + tops)[:MAX_REFERENCES]


def _reference(address: str) -> Device:
    return Device(DeviceId(f"reference {address}"), address, Kind.SWITCH, address)


async def open_eyes(env: Env) -> Collector | None:
    """The collector for the references, with a socket of its own, apart from the fleet's; ``None`` where we
    may not send echoes: then only the carrier is left to judge by."""
    eyes = IcmpCollector(_EYES, env)
    try:
        await eyes.start()
    except OSError as error:
        log.warning("our own uplink is judged by its carrier only: no ICMP", error=str(error))
        return None
    return eyes
