"""What hangs on which port, by the surveys of the running daemon: proposals, and strangers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monitor.collectors.snmp.ports import Ports
from monitor.control.wire import ControlError
from monitor.core import Core
from monitor.model import Device, DeviceId


async def ports_of(core: Core) -> dict[str, Any]:
    """Raises ``ControlError`` while no switch is asked by SNMP."""
    collector = core.checks.collector("snmp")
    ports = getattr(collector, "ports", None)
    if not isinstance(ports, Ports):
        raise ControlError("no device is checked by snmp: no switch can say what hangs on its ports")
    vlans = getattr(core.config.checks["snmp"], "camera_vlans", ())
    return proposals(ports, core.config.inventory.devices, vlans)


def proposals(
    ports: Ports, devices: Mapping[DeviceId, Device], camera_vlans: tuple[int, ...]
) -> dict[str, Any]:
    """JSON-able. ``book`` says how a proposal stands to the inventory: "agrees", "differs", or "new" where no
    parent is entered."""

    def name(id_: DeviceId) -> str:
        return devices[id_].name if id_ in devices else id_

    found = []
    for seen in ports.attachments():
        device = devices.get(seen.device)
        parents = device.parents if device is not None else ()
        found.append(
            {
                "device": seen.device,
                "name": name(seen.device),
                "switch": seen.switch,
                "switch_name": name(seen.switch),
                "port": seen.port_name or str(seen.port),
                "mac": seen.mac,
                "parents": list(parents),
                "book": "new" if not parents else "agrees" if seen.switch in parents else "differs",
            }
        )
    strangers = [
        {
            "mac": seen.mac,
            "vlan": seen.vlan,
            "switch": seen.switch,
            "switch_name": name(seen.switch),
            "port": seen.port_name or str(seen.port),
        }
        for switch in sorted(ports.surveys)
        for seen in ports.strangers(switch, camera_vlans)
    ]
    return {"surveyed": len(ports.surveys), "attachments": found, "strangers": strangers}
