"""The inventory as the configuration names it: files, ``[[device]]`` and ``[[site]]``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from monitor.collectors import COLLECTORS
from monitor.config.daemon import KindSettings
from monitor.config.files import Sources, matching
from monitor.config.wording import describe, validate
from monitor.inventory import Inventory, Site
from monitor.inventory.build import Builder, KindChecks
from monitor.inventory.inline import DeviceSettings, InlineTable, SiteSettings
from monitor.inventory.read import read_tables
from monitor.model import Kind
from monitor.problems import Findings, Place


def read_inventory(
    sources: Sources, kinds: Mapping[Kind, KindSettings], findings: Findings
) -> tuple[Inventory, tuple[Path, ...]]:
    """All devices and sites, and the inventory files that were read."""
    before = findings.errors
    defaults = {kind: KindChecks(settings.checks, settings.online_by) for kind, settings in kinds.items()}
    builder = Builder(defaults, COLLECTORS, findings)
    for entry in sources.listed("site", findings):
        site: SiteSettings | None = validate(SiteSettings, entry.value, entry.place, findings)
        if site is not None:
            builder.add_site(
                Site(site.name, site.area, site.key_site, site.longitude, site.latitude), entry.place
            )
    devices: list[tuple[Place, DeviceSettings]] = []
    for entry in sources.listed("device", findings):
        device: DeviceSettings | None = validate(DeviceSettings, entry.value, entry.place, findings)
        if device is not None:
            devices.append((entry.place, device))
        elif isinstance(entry.value, dict):
            builder.mention(entry.value.get("id"))
    if devices:
        builder.add(InlineTable(devices))
    errors = findings.errors
    files = tuple(dict.fromkeys(_files(sources, findings)))
    tables = [table for file in files for table in read_tables(file, str(file), findings)]
    whole = sources.whole and findings.errors == errors
    for table in tables:
        builder.add(table)
    inventory = builder.build(whole=whole)
    if not inventory.devices and findings.errors == before and sources.files:
        findings.error(
            sources.files[0].place.at("inventory"),
            "the inventory is empty: there is no device to watch",
            'name a list of devices, inventory = ["cameras.csv"], or write [[device]]',
        )
    return inventory, files


def _files(sources: Sources, findings: Findings) -> Iterator[Path]:
    for entry in sources.tables("inventory"):
        if not isinstance(entry.value, list):
            findings.error(
                entry.place, f"found {describe(entry.value)}", 'write a list: inventory = ["cameras.csv"]'
            )
            continue
        for index, name in enumerate(entry.value):
            place = entry.place.at(index)
            if isinstance(name, str) and name:
                found = matching(entry.base, name)
                if not found:
                    findings.error(place, f'no file matches "{name}"', f"it is looked for in {entry.base}")
                yield from found
            else:
                findings.error(place, f"found {describe(name)}", "expected the name of a file in quotes")
