"""Numbers, hours and names as the page says them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from math import isfinite

from cmgplan.plurals import noun

NONE = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
SHOWN_NAMES = 6
LONGEST_NAME = 40


def number(value: float | None, digits: int) -> str:
    """Return a number with a true minus sign, or a dash where there is none."""
    if value is None or not isfinite(value):
        return NONE
    text = f"{value:,.{digits}f}"
    if float(text.replace(",", "")) == 0.0:
        text = text.removeprefix("-")
    return text.replace("-", MINUS)


def amount(value: float | None, unit: str) -> str:
    """Return a quantity of a sentence with three to four digits and its unit."""
    if value is None or not isfinite(value):
        return f"an unknown number of {unit}"
    size = abs(value)
    digits = 0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 1 else 3
    text = number(value, digits)
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{text}\N{NO-BREAK SPACE}{unit}"


def change(now: float | None, before: float | None) -> str:
    """Return how much less or more one value is than another, in percent."""
    if now is None or before is None or not isfinite(now) or not isfinite(before) or before == 0.0:
        return NONE
    percent = 100.0 * (now - before) / abs(before)
    sign = "+" if percent > 0.0 else ""
    return f"{sign}{number(percent, 1)}\N{NO-BREAK SPACE}%"


def hours_text(hours: Iterable[int]) -> str:
    """Return hours as ranges: 0, 1, 2, 5 is "0\N{EN DASH}2, 5"."""
    return ", ".join(_range_text(*run) for run in _ranges(hours)) or "none"


def in_hours(hours: Iterable[int]) -> str:
    """Return hours with their noun, "hour 3", "hours 3, 4"; of many ranges only the first."""
    row = sorted({int(h) for h in hours})
    ranges = _ranges(row)
    shown = ranges if len(ranges) <= SHOWN_NAMES + 1 else ranges[:SHOWN_NAMES]
    left = sum(last - first + 1 for first, last in ranges[len(shown) :])
    text = ", ".join(_range_text(*run) for run in shown) or "none"
    # A range must not be torn apart at the end of a line.
    text = text.replace(NONE, f"\N{WORD JOINER}{NONE}\N{WORD JOINER}")
    return f"{noun(len(row), 'hour')}\N{NO-BREAK SPACE}{text}{f' and {left} more' if left else ''}"


def _ranges(hours: Iterable[int]) -> list[tuple[int, int]]:
    """Return the first and last hour of every run of hours."""
    runs: list[tuple[int, int]] = []
    for hour in sorted({int(h) for h in hours}):
        if runs and hour == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], hour)
        else:
            runs.append((hour, hour))
    return runs


def _range_text(first: int, last: int) -> str:
    if first == last:
        return str(first)
    return f"{first}, {last}" if last == first + 1 else f"{first}{NONE}{last}"


def in_intervals(text: str, dt_h: float) -> str:
    """Return a text that speaks of hours for intervals of another length."""
    if dt_h == 1.0:
        return text
    return re.sub(r"\bHour(s?)\b", r"Interval\1", re.sub(r"\bhour(s?)\b", r"interval\1", text))


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun, not to be torn apart at the end of a line."""
    return f"{count:,}\N{NO-BREAK SPACE}{noun(count, one, many)}"


def named(names: Sequence[str]) -> str:
    """Return names in a row, the first few if there are many."""
    shown = [short_name(name) for name in names[:SHOWN_NAMES]]
    more = len(names) - len(shown)
    if more:
        return f"{', '.join(shown)} and {counted(more, 'more', 'more')}"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def short_name(name: object) -> str:
    """Return a name cut to what a label has room for; control characters become blanks."""
    text = "".join(c if c.isprintable() else " " for c in str(name))
    return (
        text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}\N{HORIZONTAL ELLIPSIS}"
    )
