"""The fleet of the demonstration: three areas, their sites, switches, cameras, a recorder and a server."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.model import Device, DeviceId, Kind

AREAS = ("城东", "城西", "高新区")
SITES_PER_AREA = 4
CAMERAS_PER_SITE = 10
CORE = "sw-core"


@dataclass(frozen=True, slots=True)
class Fleet:
    devices: dict[DeviceId, Device]

    def of(self, *kinds: Kind) -> list[Device]:
        return [device for device in self.devices.values() if device.kind in kinds]


def demo_fleet() -> Fleet:
    """120 cameras behind 12 switches, a core switch, two recorders and a server."""
    made = [
        _device(CORE, "核心交换机", Kind.SWITCH, "10.8.0.1", "机房", AREAS[0]),
        _device("srv-01", "视频平台服务器", Kind.SERVER, "10.8.0.10", "机房", AREAS[0]),
        _device("nvr-01", "录像机 1", Kind.RECORDER, "10.8.0.21", "机房", AREAS[0]),
        _device("nvr-02", "录像机 2", Kind.RECORDER, "10.8.0.22", "机房", AREAS[0]),
    ]
    for a, area in enumerate(AREAS):
        for s in range(SITES_PER_AREA):
            number = a * SITES_PER_AREA + s
            site = f"{area}{s + 1}号路口"
            switch = _device(
                f"sw-{number:02d}", f"{site}交换机", Kind.SWITCH, f"10.8.{number + 1}.1", site, area
            )
            made.append(switch)
            made += (
                Device(
                    DeviceId(f"cam-{number:02d}-{c:02d}"),
                    f"{site}球机{c + 1}",
                    Kind.CAMERA,
                    f"10.8.{number + 1}.{10 + c}",
                    site=site,
                    area=area,
                    key_site=s == 0,
                    parents=(switch.id,),
                    vendor="Hikvision" if c % 2 else "Dahua",
                    model="DS-2DC4223" if c % 2 else "DH-SD6C",
                )
                for c in range(CAMERAS_PER_SITE)
            )
    return Fleet({device.id: device for device in made})


def _device(id_: str, name: str, kind: Kind, address: str, site: str, area: str) -> Device:
    return Device(DeviceId(id_), name, kind, address, site=site, area=area, checks=("icmp", "snmp"))
