"""Positions on earth in the forms in which people write them: decimal degrees, minutes and seconds, links to maps."""

from __future__ import annotations

import re

from graphsvc.model.scalars import ValueProblem, decimal, fold

_NUMBER = r"\d{1,3}(?:[.,]\d+)?"
_ANGLE = rf"({_NUMBER})\s*[°ºo]?\s*(?:({_NUMBER})\s*['′’]\s*(?:({_NUMBER})\s*(?:\"|''|′′|”))?\s*)?"
_BEFORE = re.compile(rf"([NS])\s*{_ANGLE}[,;\s]*([EW])\s*{_ANGLE}", re.I)
_AFTER = re.compile(rf"{_ANGLE}\s*([NS])[,;\s]*{_ANGLE}\s*([EW])", re.I)
_COMMAS = re.compile(r"([+-]?\d{1,2},\d+)\s*[;\s]\s*([+-]?\d{1,3},\d+)")
_GEO = re.compile(r"geo:([+-]?[\d.]+),([+-]?[\d.]+)(?:[,;?].*)?", re.I)
_MAP = re.compile(
    r"https?://(?:[\w-]+\.)*(?:google\.[a-z.]+/maps|openstreetmap\.org|maps\.apple\.com)\S*?"
    r"(?:!3d(-?\d+\.\d+)!4d(-?\d+\.\d+)|[?&](?:q|query|ll|destination)=(-?\d+\.\d+)(?:,|%2C)(-?\d+\.\d+)"
    r"|[?&]mlat=(-?\d+\.\d+)&mlon=(-?\d+\.\d+))\S*",
    re.I,
)


def coordinates(value: str) -> str:
    """Latitude and longitude in degrees (WGS 84) as ``lat,lon``, five decimals at most (about a metre).

    ``0,0`` stands for no position in many files and is refused.
    """
    latitude, longitude = _parts(fold(value).strip("()[] "))
    out = []
    for part, limit in ((latitude, 90), (longitude, 180)):
        number = float(part)
        if abs(number) > limit:
            raise ValueProblem("invalid_coordinates", "latitude goes to 90, longitude to 180 degrees")
        out.append(decimal(f"{number:.5f}"))
    if out == ["0", "0"]:
        raise ValueProblem("no_position", "0,0 stands for no position: leave the cell empty")
    return ",".join(out)


def _parts(raw: str) -> tuple[str, str]:
    """Latitude and longitude as decimal numbers. Raises ValueProblem."""
    for form in (_GEO, _MAP, _COMMAS):
        if (match := form.fullmatch(raw)) is not None:
            latitude, longitude = (group.replace(",", ".") for group in match.groups() if group)
            return decimal(latitude), decimal(longitude)
    if (match := _BEFORE.fullmatch(raw)) is not None:
        return _degrees(match[1], *match.group(2, 3, 4)), _degrees(match[5], *match.group(6, 7, 8))
    if (match := _AFTER.fullmatch(raw)) is not None:
        return _degrees(match[4], *match.group(1, 2, 3)), _degrees(match[8], *match.group(5, 6, 7))
    parts = re.split(r"[,;\s]+", raw)
    if len(parts) != 2:
        raise ValueProblem("invalid_coordinates", "write latitude and longitude as -1.29207,36.82195")
    return decimal(parts[0]), decimal(parts[1])


def _degrees(side: str, degrees: str, minutes: str | None, seconds: str | None) -> str:
    """An angle with the side of the equator or the meridian, as decimal degrees."""
    parts = [float((part or "0").replace(",", ".")) for part in (degrees, minutes, seconds)]
    if max(parts[1:]) >= 60 or (minutes is not None and not parts[0].is_integer()):
        raise ValueProblem("invalid_coordinates", "minutes and seconds go to 59")
    angle = parts[0] + parts[1] / 60 + parts[2] / 3600
    return f"{-angle if side.upper() in 'SW' else angle:.7f}"
