"""``python -m tools.dashboards [FOLDER]``: write all dashboards as JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from tools.dashboards import area, daemon, device, network, servers, wall
from tools.dashboards.words import Lang

BOARDS = {
    "wall": wall.build,
    "area": area.build,
    "device": device.build,
    "network": network.build,
    "servers": servers.build,
    "daemon": daemon.build,
}
FOLDER = Path(__file__).parents[2] / "etc" / "grafana" / "dashboards"


def rendered() -> Iterator[tuple[Path, str]]:
    """Each file, relative to the folder, and its text."""
    for lang in Lang:
        for name, build in BOARDS.items():
            board = build(lang).build()
            for number, panel in enumerate(board.panels or [], 1):
                panel.id_val = number
            text = JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode(board)
            yield Path(lang.value) / f"{name}.json", text + "\n"


def main(folder: Path) -> None:
    for path, text in rendered():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
