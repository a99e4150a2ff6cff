"""``[[device]]`` and ``[[site]]`` in TOML."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

from pydantic import AfterValidator
from pydantic import Field as SettingField

from monitor.inventory import cells
from monitor.inventory.columns import Field
from monitor.inventory.tables import Row
from monitor.problems import Place
from monitor.settings import Section

T = TypeVar("T")


def _sound(parse: Callable[[object], object]) -> AfterValidator:
    """The judgement of ``cells`` on one key, so that all faults of a device are told together."""

    def judge(value: T) -> T:
        parse(value)
        return value

    return AfterValidator(judge)


Text = Annotated[str, SettingField(min_length=1)]
Longitude = Annotated[float, SettingField(ge=-180, le=180)]
Latitude = Annotated[float, SettingField(ge=-90, le=90)]


class SiteSettings(Section):
    """One ``[[site]]``: what holds for all devices that stand there, so that their rows need not say it."""

    name: Text
    """As the devices name it in their column ``site``."""
    area: str = ""
    """District, police station: what sites are grouped by."""
    key_site: bool = False
    """A key site (重点部位)."""
    longitude: Longitude | None = None
    """Decimal degrees."""
    latitude: Latitude | None = None
    """Decimal degrees."""


class DeviceSettings(Section):
    """One ``[[device]]``: the same as one row of an inventory file."""

    id: Annotated[Text, _sound(cells.device_id)]
    """Unique and lasting: history is kept by it. 20-digit GB/T 28181 codes are common."""
    name: Text
    """What people call it; messages use it."""
    address: Annotated[Text, _sound(cells.address)]
    """IPv4, IPv6 or host name."""
    kind: Annotated[str, _sound(cells.kind)] = "camera"
    """camera, recorder, switch, server, ups or platform, or the Chinese word (摄像机, 录像机, 交换机 …)."""
    site: str = ""
    """The place where it stands."""
    area: str = ""
    """District, police station; by default that of its site."""
    key_site: bool | None = None
    """Stands at a key site (重点部位); by default as its site says."""
    parents: tuple[Text, ...] = ()
    """The ids of the devices that it is reached through; several when there are redundant ways."""
    vendor: str = ""
    """Maker."""
    model: str = ""
    """Type."""
    longitude: Longitude | None = None
    """Decimal degrees; by default that of its site."""
    latitude: Latitude | None = None
    """Decimal degrees; by default that of its site."""
    feeder: str = ""
    """Power feeder: devices on one fall together in a power cut."""
    tags: Annotated[dict[str, str], _sound(cells.tags)] = SettingField(default_factory=dict)
    """Labels of your own, for selectors (``tag.NAME``)."""
    checks: tuple[Text, ...] = ()
    """By default those of its ``[kind.*]``."""
    liveness: tuple[Text, ...] = ()
    """The checks that must all hold for it to be online; by default those of its ``[kind.*]``."""

    def row(self) -> Row:
        return Row._make(getattr(self, field.value) for field in Field)


@dataclass(frozen=True, slots=True)
class InlineTable:
    """The ``[[device]]`` entries of all TOML files; a row's number is its index."""

    entries: Sequence[tuple[Place, DeviceSettings]]

    @property
    def rows(self) -> Iterable[tuple[int, Row]]:
        return ((index, device.row()) for index, (_, device) in enumerate(self.entries))

    def place(self, row: int, field: Field | None = None) -> Place:
        place = self.entries[row][0]
        return place if field is None else place.at(field.value)

    def summary(self, field: Field) -> Place:
        return Place(self.entries[0][0].file, f"device.{field}")
