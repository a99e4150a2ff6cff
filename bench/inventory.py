"""How long 20,000 rows take to load and validate: CSV and XLSX, beside openpyxl merely reading the cells.

``python -m bench.inventory --json [--rows N]`` prints one object: seconds (the median of five interleaved
runs) and the memory that the inventory keeps for each device.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

from openpyxl import Workbook, load_workbook

from monitor.config import load

HEAD = [
    "国标编码",
    "名称",
    "类型",
    "IP地址",
    "站点",
    "辖区",
    "重点部位",
    "上级设备",
    "厂商",
    "型号",
    "经度",
    "纬度",
]


def rows(count: int) -> Iterator[list[str]]:
    for n in range(count // 50 + 1):
        yield [f"SW-{n}", f"交换机{n}", "交换机", f"10.{200 + (n >> 16)}.{n >> 8 & 255}.{n & 255}",
               f"站点{n}", f"辖区{n // 10}", "否", "", "华为", "S5735", "118.5", "31.25"]  # fmt: skip
    for n in range(count):
        yield [f"3402000000132{n:07d}", f"点位{n}枪机", "枪机", f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}",
               f"站点{n // 50}", f"辖区{n // 500}", "是" if n % 100 == 0 else "否", f"SW-{n // 50}",
               "海康威视", "DS-2CD3T46", "118.3762", "31.3341"]  # fmt: skip


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def cells(path: Path) -> list[tuple[object, ...]]:
    book = load_workbook(path, read_only=True, data_only=True)
    found = list(book.worksheets[0].iter_rows(values_only=True))
    book.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object (the only output there is)"
    )
    count = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = "".join(",".join(row) + "\n" for row in [HEAD, *rows(count)])
        (folder / "list.csv").write_text(text, "gb18030")
        book = Workbook(write_only=True)
        sheet = book.create_sheet("一")
        for row in [HEAD, *rows(count)]:
            sheet.append(row)
        book.save(folder / "list.xlsx")
        (folder / "csv.toml").write_text('inventory = ["list.csv"]\n')
        (folder / "xlsx.toml").write_text('inventory = ["list.xlsx"]\n')
        load(folder / "csv.toml")  # imports are not what is measured
        csv_s, xlsx_s, peer_s = [], [], []
        for _ in range(5):
            csv_s.append(seconds(lambda: load(folder / "csv.toml")))
            xlsx_s.append(seconds(lambda: load(folder / "xlsx.toml")))
            peer_s.append(seconds(lambda: cells(folder / "list.xlsx")))
        tracemalloc.start()
        config = load(folder / "csv.toml")
        kept, _ = tracemalloc.get_traced_memory()
    figures = {
        "rows": len(config.inventory),
        "csv_s": round(statistics.median(csv_s), 3),
        "xlsx_s": round(statistics.median(xlsx_s), 3),
        "openpyxl_read_s": round(statistics.median(peer_s), 3),
        "bytes_per_device": kept // len(config.inventory),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
