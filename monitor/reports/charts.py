"""The charts of the reports."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import east_asian_width

from monitor.books.tally import Fraction
from monitor.reports.drawing import Drawing, Label, Line, Rect

WIDTH = 760.0
INK, GRID, GOOD, BAD, LIMIT = "#334155", "#e2e8f0", "#2563eb", "#dc2626", "#b45309"


def rate_by_day(days: Sequence[str], rates: Sequence[Fraction], line_bp: int, limit: str) -> Drawing:
    """The online rate of each day with the agreed line. The scale begins below the worst day."""
    left, top, width, height = 52.0, 14.0, WIDTH - 64, 180.0
    known = [_bp(rate) for rate in rates if rate.counted]
    low = max(0, min([line_bp - 100, *known]) // 100 * 100 - 100)
    step = width / max(1, len(days))

    def y(bp: int) -> float:
        return top + height * (10_000 - bp) / (10_000 - low)

    items: list[Rect | Line | Label] = []
    for tick in range(5):
        bp = low + (10_000 - low) * tick // 4
        items.append(Line(((left, y(bp)), (left + width, y(bp))), GRID))
        items.append(Label(left - 6, y(bp) + 4, f"{bp / 100:g}%", "end", 10))
    every = max(1, -(-len(days) // 16))
    run: list[tuple[float, float]] = []
    for n, (day, rate) in enumerate(zip(days, rates, strict=True)):
        x = left + step * (n + 0.5)
        if n % every == 0:
            items.append(Label(x, top + height + 16, day, "middle", 10))
        if not rate.counted:
            items += _joined(run)
            run = []
            continue
        run.append((x, y(_bp(rate))))
        colour = BAD if rate.below(line_bp) else GOOD
        items.append(Rect(x - 2.5, y(_bp(rate)) - 2.5, 5, 5, colour))
    items += _joined(run)
    items.append(Line(((left, y(line_bp)), (left + width, y(line_bp))), LIMIT, 1.2, dashed=True))
    items.append(Label(left + width, y(line_bp) - 4, limit, "end", 10, LIMIT))
    return Drawing(WIDTH, top + height + 24, tuple(items))


def heat_map(rows: Sequence[str], cells: Sequence[Sequence[int]], none: str, most_shown: str) -> Drawing:
    """Seven weekdays by 24 hours; the darker, the more. ``none`` and ``most_shown`` are the ends of the scale
    below, in words."""
    left, top, cell, tall = 52.0, 18.0, (WIDTH - 64) / 24, 22.0
    most = max((value for row in cells for value in row), default=0)
    items: list[Rect | Line | Label] = [
        Label(left + cell * (hour + 0.5), top - 6, f"{hour:02}", "middle", 9) for hour in range(24)
    ]
    for n, (name, row) in enumerate(zip(rows, cells, strict=True)):
        items.append(Label(left - 6, top + tall * n + 15, name, "end", 10))
        for hour, value in enumerate(row):
            fill = _shade(value, most)
            items.append(Rect(left + cell * hour + 0.5, top + tall * n + 0.5, cell - 1, tall - 1, fill))
    y = top + tall * len(rows) + 8
    steps = [0, *(most * n // 4 for n in range(1, 5))] if most else [0]
    for n, value in enumerate(steps):
        items.append(Rect(left + 26 * n, y, 24, 10, _shade(value, most)))
    items.append(Label(left - 6, y + 9, none, "end", 9))
    if most:
        items.append(Label(left + 26 * len(steps) + 4, y + 9, most_shown, "start", 9))
    return Drawing(WIDTH, y + 16, tuple(items))


def bars(names: Sequence[str], values: Sequence[int], shown: Sequence[str]) -> Drawing:
    """One bar a name, the longest first as given."""
    left, top, tall = 190.0, 4.0, 19.0
    room = WIDTH - left - 120
    most = max([*values, 1])
    items: list[Rect | Line | Label] = []
    for n, (name, value, text) in enumerate(zip(names, values, shown, strict=True)):
        y = top + tall * n
        items.append(Label(left - 8, y + 13, _short(name), "end", 10))
        items.append(Rect(left, y + 3, max(1.0, room * value / most), tall - 6, GOOD))
        items.append(Label(left + room * value / most + 6, y + 13, text, "start", 10))
    return Drawing(WIDTH, top * 2 + tall * len(names), tuple(items))


def pareto(names: Sequence[str], values: Sequence[int]) -> Drawing:
    """Causes by weight, the greatest first, with the share that all up to each make together."""
    left, top, height = 52.0, 20.0, 170.0
    width, whole = WIDTH - 104, max(1, sum(values))
    step = width / max(1, len(names))
    most = max([*values, 1])
    items: list[Rect | Line | Label] = [Line(((left, top + height), (left + width, top + height)), INK)]
    curve, running = [], 0
    for n, (name, value) in enumerate(zip(names, values, strict=True)):
        x, running = left + step * n, running + value
        tall = height * value / most
        wide = min(step * 0.6, 90)
        middle = x + step / 2
        items.append(Rect(middle - wide / 2, top + height - tall, wide, tall, GOOD))
        items.append(Label(middle, top + height - tall - 4, f"{value:,}", "middle", 10))
        items.append(Label(middle, top + height + 16, _short(name, int(step / 5.5)), "middle", 10))
        curve.append((middle, top + height * (1 - running / whole)))
    items += _joined(curve, LIMIT)
    for share in (0, 50, 100):
        at = top + height * (1 - share / 100)
        items.append(Label(left + width + 6, at + 4, f"{share}%", "start", 10, LIMIT))
    return Drawing(WIDTH, top + height + 24, tuple(items))


def _joined(points: Sequence[tuple[float, float]], colour: str = GOOD) -> list[Rect | Line | Label]:
    return [Line(tuple(points), colour, 1.4)] if len(points) > 1 else []


def _bp(rate: Fraction) -> int:
    return rate.online * 10_000 // rate.counted


def _shade(value: int, most: int) -> str:
    """White to red."""
    if not value:
        return "#f1f5f9"
    part = 0.15 + 0.85 * value / most
    red, green, blue = (round(255 + (end - 255) * part) for end in (185, 28, 28))
    return f"#{red:02x}{green:02x}{blue:02x}"


def _short(name: str, longest: int = 32) -> str:
    """At most ``longest`` letters wide; a Chinese one takes the room of two."""
    widths = [2 if east_asian_width(char) in "WF" else 1 for char in name]
    if sum(widths) <= longest:
        return name
    kept = 1
    while kept < len(name) and sum(widths[: kept + 1]) <= longest - 1:
        kept += 1
    return name[:kept] + "…"
