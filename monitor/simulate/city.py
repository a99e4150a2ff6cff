"""A made-up city: areas, sites, switches and cameras on 127.x.y.z, for the demo and for benchmarks."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from monitor.model import Device, DeviceId, Kind

AREAS = ("城东派出所", "城西派出所", "城南派出所", "城北派出所")
_PLACES = ("路口", "学校", "医院", "广场", "车站", "市场", "公园", "社区")
_CORNERS = ("东侧", "西侧", "南侧", "北侧", "大门", "停车场", "通道", "制高点")
PER_SWITCH = 48
PER_SITE = 8
_HEADINGS = (
    "国标编码", "名称", "类型", "IP地址", "辖区", "站点", "重点部位", "上级设备", "厂商", "型号",
    "检测项", "在线判据",
)  # fmt: skip
_KINDS = {Kind.CAMERA: "摄像机", Kind.SWITCH: "交换机"}


def city(cameras: int) -> Iterator[Device]:
    """A core switch for each area, an access switch for every 48 cameras, a site for every 8; the first site
    of each area is a key site. Ids are 20 digits long, as in GB/T 28181."""
    per_area = -(-cameras // len(AREAS))
    made = 0
    for a, area in enumerate(AREAS):
        core = Device(_id(a, 200, 0), f"{area}核心交换机", Kind.SWITCH, f"127.{100 + a}.0.1", area=area)
        yield core
        for n in range(min(per_area, cameras - made)):
            if n % PER_SWITCH == 0:
                number = n // PER_SWITCH
                access = Device(
                    _id(a, 200, number + 1),
                    f"{area[:2]}接入交换机{number + 1}",
                    Kind.SWITCH,
                    f"127.{100 + a}.1.{number + 1}" if number < 250 else f"127.{100 + a}.2.{number - 249}",
                    site=f"{area[:2]}机房",
                    area=area,
                    parents=(core.id,),
                )
                yield access
            site = n // PER_SITE
            key = site == 0
            place = "火车站" if key else f"{_PLACES[site % len(_PLACES)]}{site:03d}"
            yield Device(
                _id(a, 132, n),
                f"{area[:2]}{place}{_CORNERS[n % PER_SITE]}",
                Kind.CAMERA,
                f"127.{10 + a * 20 + n // 62500}.{n // 250 % 250}.{n % 250 + 1}",
                f"{area[:2]}{place}",
                area,
                key,
                (access.id,),
                vendor=("海康威视", "大华")[n % 2],
                model=("DS-2CD3T47", "IPC-HFW2433")[n % 2],
            )
        made += per_area


def _id(area: int, kind: int, number: int) -> DeviceId:
    return DeviceId(f"4403{area + 1:02d}00{kind:05d}{number:07d}"[:20])


def write_csv(devices: Iterable[Device], path: Path) -> None:
    """The devices as a "one camera, one record" list, with the headings such lists have in China."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        out = csv.writer(file)
        out.writerow(_HEADINGS)
        for d in devices:
            key = "是" if d.key_site else "否"
            parents = ";".join(d.parents)
            # One check is what the configuration gives the kind: only more is written down.
            checks, liveness = (d.checks, d.liveness) if len(d.checks) > 1 else ((), ())
            row = (d.id, d.name, _KINDS[d.kind], d.address, d.area, d.site, key, parents, d.vendor, d.model)
            out.writerow((*row, ";".join(checks), ";".join(liveness)))
