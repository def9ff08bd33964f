"""Plain SVG: axes, bars, lines, points and words; no library, and the same bytes for the same figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import log10

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 24, 46, 56
COLOURS = ("#1b6ca8", "#c8553d", "#588157", "#7b4b94", "#b08900", "#444444")


@dataclass(frozen=True, slots=True)
class Axes:
    """A plot's title, the names of its axes, and whether they are logarithmic."""

    title: str
    x: str
    y: str
    log_x: bool = False
    log_y: bool = False


def document(parts: Sequence[str], width: int = WIDTH, height: int = HEIGHT) -> str:
    """An SVG document of ``parts``, on white."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
    body = "\n".join(parts)
    style = 'font-family="DejaVu Sans, Liberation Sans, Arial, sans-serif" font-size="12">'
    return f'{head}{style}\n<rect width="{width}" height="{height}" fill="#fff"/>\n{body}\n</svg>\n'


def text(x: float, y: float, words: str, anchor: str = "middle", size: int = 12, colour: str = "#222") -> str:
    """Words at a place."""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} font-size="{size}" fill="{colour}">{escape(words)}</text>'


def line(ends: tuple[float, float, float, float], colour: str = "#999", width: float = 1.0) -> str:
    """A straight line."""
    x1, y1, x2, y2 = ends
    place = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {place} stroke="{colour}" stroke-width="{width}"/>'


def lines(axes: Axes, series: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Points joined by lines, one colour a series, with a legend."""
    every = [point for points in series.values() for point in points]
    across = _Scale([x for x, _ in every], LEFT, WIDTH - RIGHT, axes.log_x)
    up = _Scale([y for _, y in every], HEIGHT - BOTTOM, TOP, axes.log_y)
    parts = _frame(axes, across, up)
    for place, (name, points) in enumerate(series.items()):
        colour = COLOURS[place % len(COLOURS)]
        path = " ".join(f"{across.at(x):.1f},{up.at(y):.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{across.at(x):.1f}" cy="{up.at(y):.1f}" r="3" fill="{colour}"/>' for x, y in points]
        parts.append(text(LEFT + 12, TOP + 16 + 16 * place, f"— {name}", "start", 12, colour))
    return document(parts)


def bars(axes: Axes, counts: Mapping[str, float]) -> str:
    """One bar for each name."""
    up = _Scale([0.0, *counts.values()], HEIGHT - BOTTOM, TOP, False)
    step = (WIDTH - LEFT - RIGHT) / max(len(counts), 1)
    parts = _frame(axes, None, up)
    for place, (name, count) in enumerate(counts.items()):
        x, y = LEFT + place * step, up.at(count)
        shape = f'x="{x + step * 0.12:.1f}" y="{y:.1f}" width="{step * 0.76:.1f}" height="{HEIGHT - BOTTOM - y:.1f}"'
        parts.append(f'<rect {shape} fill="{COLOURS[0]}"/>')
        parts.append(text(x + step / 2, HEIGHT - BOTTOM + 16, name, size=11))
        parts.append(text(x + step / 2, y - 4, f"{count:g}", size=11))
    return document(parts)


class _Scale:
    """From values to places on the page."""

    def __init__(self, values: Sequence[float], start: float, end: float, logarithmic: bool) -> None:
        self._log, self._start, self._end = logarithmic, start, end
        placed = [self._value(value) for value in values] or [0.0]
        low, high = min(placed), max(placed)
        if not logarithmic and 0 < low < high / 2:
            low = 0.0
        self._low, self._span = low, (high - low) or 1.0

    def at(self, value: float) -> float:
        return self._start + (self._value(value) - self._low) / self._span * (self._end - self._start)

    def ticks(self) -> list[float]:
        if self._log:
            return [10.0**n for n in range(round(self._low + 0.49), int(self._low + self._span) + 1)]
        step = 10 ** int(log10(self._span) // 1)
        step = step / 2 if self._span / step < 3 else step
        first = -(-self._low // step)
        count = int(self._span / step) + 1
        found = [(first + n) * step for n in range(count)]
        return [tick for tick in found if tick <= self._low + self._span * 1.001]

    def _value(self, value: float) -> float:
        return log10(max(value, 1e-9)) if self._log else value


def _frame(axes: Axes, across: _Scale | None, up: _Scale) -> list[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = [text(WIDTH / 2, 24, axes.title, size=15)]
    for tick in up.ticks():
        parts.append(line((LEFT, up.at(tick), right, up.at(tick)), "#ddd"))
        parts.append(text(LEFT - 6, up.at(tick) + 4, f"{tick:g}", "end", 11))
    for tick in across.ticks() if across else ():
        parts.append(line((across.at(tick), bottom, across.at(tick), bottom + 4)))  # type: ignore[union-attr]
        parts.append(text(across.at(tick), bottom + 17, f"{tick:g}", size=11))  # type: ignore[union-attr]
    parts += [line((LEFT, bottom, right, bottom), "#444"), line((LEFT, TOP, LEFT, bottom), "#444")]
    parts.append(text((LEFT + right) / 2, HEIGHT - 14, axes.x))
    parts.append(f'<g transform="rotate(-90 18 {HEIGHT / 2})">{text(18, HEIGHT / 2, axes.y)}</g>')
    return parts
