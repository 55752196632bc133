"""Why there is no answer: the limits that would have to give, by name, hour and amount."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cmgplan.plurals import counted, noun

SHOWN_LINES = 10
"""Lines of an explanation that a message shows; the rest is counted."""

ALIKE, SHOWN_ALIKE, SHOWN_PLACES = 4, 2, 12
"""Limits of one kind and value up to which each has a sentence; how many have one otherwise, and
how many of the others are named."""

SHOWN_HOURS = 6
"""Spans of hours that a sentence lists."""

ROUNDING_NOISE = 0.05
"""Share of a last digit that is not worth a digit more."""


@dataclass(frozen=True)
class GivingLimit:
    """One limit that would have to give.

    Attributes
    ----------
    kind
        Key of the kind of limit, for programs: ``pcc``, ``tie``, ``branch``, ``v_min``, ...
    limit
        Which limit, in words.
    place
        Id of the switch, line, bus, microgrid or device.
    hours
        Hours in which it gives, the one that needs most first; empty where it is of no hour.
    now, amount
        What it is, and by how much it gives; ``now`` is None where there is nothing to compare.
    unit
        Of both.
    """

    kind: str
    limit: str
    place: str
    hours: tuple[int, ...]
    now: float | None
    amount: float
    unit: str

    @property
    def would_be(self) -> float | None:
        """What it would have to be: less than now where ``amount`` is negative."""
        return None if self.now is None else self.now + self.amount

    @property
    def places(self) -> int:
        """Decimals that are told of its unit."""
        return _PLACES.get(self.unit, 2)

    def __str__(self) -> str:
        """Return the limit as one sentence without its full stop."""
        unit = "" if self.unit == "operations" else f" {self.unit}"
        if self.now is None or self.would_be is None:
            return f"{_when(self.hours)}{self.limit}: {_digits(self.amount, self.unit)}{unit}"
        now, then = (_digits(x, self.unit) for x in (self.now, self.would_be))
        change = f"{_digits(self.amount, self.unit, '+')}{unit}"
        told = f"{now}{unit} would have to be {then}{unit} ({change})"
        return f"{_when(self.hours)}{self.limit}: {told}"


@dataclass(frozen=True)
class Way:
    """Limits that together would let there be an answer.

    Attributes
    ----------
    limits
        None of which can be spared.
    told
        What is known of it: proven to be needed, shown to be enough.
    """

    limits: tuple[GivingLimit, ...]
    told: str = ""


@dataclass(frozen=True)
class Explanation:
    """Why there is no answer and what would let there be one.

    Attributes
    ----------
    stage
        Where the plan stopped.
    reason
        What is proven or seen, without its full stop.
    ways
        The least set of limits that would have to give first, then others that would do instead.
    options
        Options of the plan that would do instead, each as a sentence.
    notes
        What else there is to say.
    """

    stage: str
    reason: str
    ways: tuple[Way, ...]
    options: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Return the sentences: the least set, then what would do instead."""
        told: list[str] = []
        for k, way in enumerate(self.ways):
            for j, line in enumerate(_told(way.limits)):
                told.append(f"{'and ' if j else 'instead: ' if k else ''}{line}")
            if way.told:
                told.append(f"({way.told})")
        told += [f"instead: {option}" for option in self.options]
        return [*told, *self.notes]

    def message(self, most: int = SHOWN_LINES) -> str:
        """Return the explanation as the message of an error, its later lines counted."""
        told = self.lines()
        more = len(told) - most
        shown = told if more <= 0 else [*told[:most], f"and {counted(more, 'more line')}"]
        lead = " What would have to give:" if self.ways else ""
        return "\n  ".join([f"{self.stage}: {self.reason}.{lead}", *shown])


def _told(limits: Sequence[GivingLimit]) -> Iterator[str]:
    """Yield a sentence for each limit; many of a kind that are alike are told by the first."""
    alike: dict[tuple[str, float | None], list[GivingLimit]] = {}
    for limit in limits:
        alike.setdefault((limit.kind, limit.now), []).append(limit)
    for group in alike.values():
        group = sorted(group, key=lambda limit: -abs(limit.amount))
        yield from map(str, group if len(group) <= ALIKE else group[:SHOWN_ALIKE])
        if len(group) > ALIKE:
            rest = group[SHOWN_ALIKE:]
            places = ", ".join(limit.place for limit in rest[:SHOWN_PLACES])
            more = len(rest) - SHOWN_PLACES
            gives = noun(len(rest), "gives", "give")
            yield (
                f"{counted(len(rest), 'limit')} like these, which {gives} less: {places}"
                f"{f' and {more} more' if more > 0 else ''}"
            )


def hours_in_words(hours: Sequence[int]) -> str:
    """Return hours as a list with runs, ``2, 5-9``."""
    runs: list[list[int]] = []
    for hour in sorted(hours):
        if runs and runs[-1][-1] == hour - 1:
            runs[-1].append(hour)
        else:
            runs.append([hour])
    parts = [f"{run[0]}-{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs]
    more = len(parts) - SHOWN_HOURS
    return ", ".join(parts[:SHOWN_HOURS]) + (
        f" and {counted(more, 'more span')}" if more > 0 else ""
    )


def _when(hours: Sequence[int]) -> str:
    if not hours:
        return ""
    if len(hours) == 1:
        return f"hour {hours[0]}: "
    return f"hour {hours[0]} (in all {len(hours)} hours: {hours_in_words(hours)}): "


_PLACES = {"pu": 5, "operations": 0}
"""Decimals of a unit; others have two."""


def _digits(value: float, unit: str, sign: str = "") -> str:
    return f"{value:{sign}.{_PLACES.get(unit, 2)}f}"


def rounded_away(value: float, unit: str) -> float:
    """Return an amount rounded away from zero to the last digit that is told of its unit."""
    scale = 10.0 ** _PLACES.get(unit, 2)
    return math.copysign(math.ceil(abs(value) * scale - ROUNDING_NOISE) / scale, value)


def last_digit(unit: str) -> float:
    """Return one of the last digit that is told of a unit."""
    return 10.0 ** -_PLACES.get(unit, 2)
