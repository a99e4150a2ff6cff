"""Drawings from four primitives: the same drawing goes into a page as SVG and onto paper."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup, escape


@dataclass(frozen=True, slots=True)
class Rect:
    x: float
    y: float
    width: float
    height: float
    fill: str


@dataclass(frozen=True, slots=True)
class Line:
    points: tuple[tuple[float, float], ...]
    stroke: str
    width: float = 1.0
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Label:
    x: float
    y: float
    """Of the base line."""
    text: str
    anchor: str = "start"
    """start, middle or end."""
    size: float = 11.0
    fill: str = "#334155"


@dataclass(frozen=True, slots=True)
class Drawing:
    """Lengths in points, y downwards; colours as ``#rrggbb``."""

    width: float
    height: float
    items: tuple[Rect | Line | Label, ...]


def svg(drawing: Drawing, title: str) -> Markup:
    """Inline SVG; texts are escaped."""
    body = Markup("").join(_elements(drawing))
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    ).format(_number(drawing.width), _number(drawing.height), title, body)


def _elements(drawing: Drawing) -> Iterator[Markup]:
    for item in drawing.items:
        match item:
            case Rect(x, y, width, height, fill):
                yield Markup('<rect x="{}" y="{}" width="{}" height="{}" fill="{}"/>').format(
                    _number(x), _number(y), _number(width), _number(height), fill
                )
            case Line(points, stroke, width, dashed):
                yield Markup('<polyline points="{}" fill="none" stroke="{}" stroke-width="{}"{}/>').format(
                    " ".join(f"{_number(x)},{_number(y)}" for x, y in points),
                    stroke,
                    _number(width),
                    Markup(' stroke-dasharray="5 3"') if dashed else "",
                )
            case Label(x, y, text, anchor, size, fill):
                yield Markup(
                    '<text x="{}" y="{}" text-anchor="{}" font-size="{}" fill="{}">{}</text>'
                ).format(_number(x), _number(y), anchor, _number(size), fill, escape(text))


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
