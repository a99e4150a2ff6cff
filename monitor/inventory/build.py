"""Rows → devices: each row by itself, and against those before it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from monitor.inventory import cells
from monitor.inventory.columns import Field
from monitor.inventory.graph import check_parents
from monitor.inventory.model import Inventory, Site
from monitor.inventory.tables import Row, Table
from monitor.model import NO_TAGS, Device, DeviceId, Kind
from monitor.problems import Findings, Place, suggest

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class KindChecks:
    """What devices of a kind are checked by when their row does not say."""

    checks: tuple[str, ...] = ("icmp",)
    liveness: tuple[str, ...] = ("icmp",)


@dataclass(frozen=True, slots=True)
class Origin:
    """The row that a device came from."""

    table: Table
    row: int

    def place(self, field: Field | None = None) -> Place:
        return self.table.place(self.row, field)


@dataclass(slots=True)
class _Tidied:
    """How many cells of one column were read other than they are written."""

    count: int
    first: int


class Builder:
    """Takes tables one after another; ``build`` then checks what concerns the whole."""

    def __init__(
        self, kinds: Mapping[Kind, KindChecks], known_checks: Iterable[str], findings: Findings
    ) -> None:
        self._kinds = kinds
        self._known_checks = frozenset(known_checks)
        self._findings = findings
        self._devices: dict[DeviceId, Device] = {}
        self._origins: dict[DeviceId, Origin] = {}
        self._addresses: dict[str, Origin] = {}
        self._sites: dict[str, Site] = {}
        self._site_places: dict[str, Place] = {}
        self._shared: dict[str, str] = {}
        self._shared_tags: dict[object, Mapping[str, str]] = {}
        self._shared_checks: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._tidied: dict[Field, _Tidied] = {}
        self._mentioned: set[str] = set()
        self._refused: list[tuple[DeviceId, Origin]] = []
        """Parents named by rows that were refused."""

    def add_site(self, site: Site, place: Place) -> None:
        if site.name in self._sites:
            self._findings.error(
                place, f'the site "{site.name}" is also in {self._site_places[site.name]}', "keep one"
            )
            return
        self._sites[site.name] = site
        self._site_places[site.name] = place

    def add(self, table: Table) -> None:
        for number, row in table.rows:
            self._row(Origin(table, number), row)
        for field, tidied in self._tidied.items():
            first = table.place(tidied.first).path
            self._findings.warning(
                table.summary(field),
                f"{tidied.count} cell{'s' * (tidied.count > 1)} with blanks around the text, full-width, "
                f"invisible or quoting characters, read without them (first: {first})",
            )
        self._tidied.clear()

    def mention(self, id_: object) -> None:
        """A device of this id exists, but what is said of it is wrong."""
        self._mentioned.add(cells.code(id_))

    def build(self, *, whole: bool = True) -> Inventory:
        """``whole``: nothing of the inventory was unreadable, so that an unknown parent really is unknown."""
        check_parents(
            self._devices, self._origins, self._mentioned, self._refused, self._findings, whole=whole
        )
        return Inventory.of(self._devices.values(), self._sites.values())

    def _row(self, origin: Origin, row: Row) -> None:
        before = len(self._findings.problems)
        read = self._read
        id_ = read(origin, Field.ID, row.id, cells.device_id)
        name = self._text(origin, Field.NAME, row.name)
        address, canonical_address = read(origin, Field.ADDRESS, row.address, cells.address) or ("", "")
        kind = read(origin, Field.KIND, row.kind, cells.kind) or Kind.CAMERA
        key_site = read(origin, Field.KEY_SITE, row.key_site, cells.yes_no)
        longitude = read(origin, Field.LONGITUDE, row.longitude, _longitude)
        latitude = read(origin, Field.LATITUDE, row.latitude, _latitude)
        tags = self._tags(origin, row.tags)
        parents = tuple(map(DeviceId, cells.several(row.parents))) if row.parents else ()
        if not name:
            self._findings.error(origin.place(Field.NAME), "is empty", "write what people call the device")
        if (longitude is None) != (latitude is None) and len(self._findings.problems) == before:
            empty = Field.LONGITUDE if longitude is None else Field.LATITUDE
            self._findings.error(origin.place(empty), "is empty", "write both coordinates or neither")
        checks, liveness = self._checks(origin, row, kind)
        if id_ is None:
            self.mention(row.id)
            self._refuse(origin, parents, address, canonical_address)
            return
        site = self._sites.get(site_name := self._text(origin, Field.SITE, row.site))
        area = self._text(origin, Field.AREA, row.area)
        if site is not None:
            area, key_site = self._agree(origin, site, area, key_site)
            if longitude is None:
                longitude, latitude = site.longitude, site.latitude
        device = Device(
            id=DeviceId(id_),
            name=name,
            kind=kind,
            address=address,
            site=site_name,
            area=area,
            key_site=bool(key_site),
            parents=parents,
            checks=checks,
            liveness=liveness,
            vendor=self._text(origin, Field.VENDOR, row.vendor),
            model=self._text(origin, Field.MODEL, row.model),
            longitude=longitude,
            latitude=latitude,
            feeder=self._text(origin, Field.FEEDER, row.feeder),
            tags=tags,
        )
        self._keep(origin, device, canonical_address)

    def _keep(self, origin: Origin, device: Device, canonical_address: str) -> None:
        earlier = self._origins.get(device.id)
        if earlier is not None:
            self._findings.error(
                origin.place(Field.ID),
                f'the id "{device.id}" is also in {earlier.place()}',
                "give each device an id of its own",
            )
            # A row that stands there twice is one fault.
            twice = self._addresses.get(canonical_address) is earlier
            self._refuse(origin, device.parents, device.address, "" if twice else canonical_address)
            return
        if odd := cells.odd_code(device.id):
            self._findings.warning(origin.place(Field.ID), odd)
        self._devices[device.id] = device
        self._origins[device.id] = origin
        self._one_address(origin, device.address, canonical_address)

    def _refuse(
        self, origin: Origin, parents: tuple[DeviceId, ...], address: str, canonical_address: str
    ) -> None:
        """The row cannot be kept; what else is wrong with it is told all the same."""
        self._refused.extend((parent, origin) for parent in parents)
        self._one_address(origin, address, canonical_address)

    def _one_address(self, origin: Origin, address: str, canonical_address: str) -> None:
        if not canonical_address:
            return
        same = self._addresses.setdefault(canonical_address, origin)
        if same is not origin:
            self._findings.error(
                origin.place(Field.ADDRESS),
                f"the address {address} is also in {same.place()}",
                "give each device an address of its own",
            )

    def _read(self, origin: Origin, field: Field, value: object, parse: Callable[[object], T]) -> T | None:
        try:
            found = parse(value)
        except ValueError as error:
            what, _, right = str(error).partition("; ")
            self._findings.error(origin.place(field), what, right)
            return None
        if isinstance(value, str) and not cells.is_tidy(value):
            self._note(origin, field, value, cells.code(value))
        return found

    def _text(self, origin: Origin, field: Field, value: object) -> str:
        if not value:
            return ""
        text = cells.plain(value)
        if field is not Field.NAME:
            text = cells.optional(text)
            text = self._shared.setdefault(text, text)
        elif isinstance(value, str):
            self._note(origin, field, value, text)
        return text

    def _note(self, origin: Origin, field: Field, value: str, read: str) -> None:
        if read == value:
            return
        tidied = self._tidied.get(field)
        if tidied is None:
            self._tidied[field] = _Tidied(1, origin.row)
        else:
            tidied.count += 1

    def _tags(self, origin: Origin, value: object) -> Mapping[str, str]:
        if not value:
            return NO_TAGS
        if not isinstance(value, str):
            return MappingProxyType(self._read(origin, Field.TAGS, value, cells.tags) or {})
        shared = self._shared_tags.get(value)
        if shared is None:
            shared = MappingProxyType(self._read(origin, Field.TAGS, value, cells.tags) or {})
            self._shared_tags[value] = shared
        return shared

    def _checks(self, origin: Origin, row: Row, kind: Kind) -> tuple[tuple[str, ...], tuple[str, ...]]:
        default = self._kinds.get(kind) or KindChecks()
        if not row.checks and not row.liveness:
            return default.checks, default.liveness
        checks = tuple(cells.several(row.checks)) or default.checks
        liveness = tuple(cells.several(row.liveness)) or (checks[:1] if row.checks else default.liveness)
        for check in checks:
            if check not in self._known_checks:
                self._findings.error(
                    origin.place(Field.CHECKS),
                    f'no check is called "{check}"',
                    suggest(check, self._known_checks),
                )
        for check in liveness:
            if check not in checks:
                self._findings.error(
                    origin.place(Field.LIVENESS),
                    f'"{check}" is not among the checks of this device',
                    "name one of " + ", ".join(checks),
                )
        share = self._shared_checks.setdefault
        return share(checks, checks), share(liveness, liveness)

    def _agree(self, origin: Origin, site: Site, area: str, key_site: bool | None) -> tuple[str, bool]:
        """The row's area and key mark, or those of its ``[[site]]``; they must not contradict each other."""
        there = self._site_places[site.name]
        if area and site.area and area != site.area:
            self._findings.error(
                origin.place(Field.AREA),
                f'the site "{site.name}" is in the area "{site.area}" by {there}, here in "{area}"',
                "correct one of them",
            )
        if key_site is not None and key_site != site.key_site:
            self._findings.error(
                origin.place(Field.KEY_SITE),
                f'the site "{site.name}" is {"" if site.key_site else "not "}a key site by {there}, '
                "here the opposite",
                "correct one of them",
            )
        return area or site.area, site.key_site if key_site is None else key_site


def _longitude(value: object) -> float | None:
    return cells.coordinate(value, 180)


def _latitude(value: object) -> float | None:
    return cells.coordinate(value, 90)
