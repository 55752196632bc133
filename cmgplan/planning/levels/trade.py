"""Which objectives a front trades: those with a range, the one minimised, and those capped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cmgplan.planning.record.values import OBJECTIVES, Objective
from cmgplan.search.epsilon import Range

NEGLIGIBLE = {"gc_usd": 0.01, "ec_usd": 0.01, "loss_kwh": 0.005}
"""Range under which an objective counts as having none: a cent, and 5 Wh."""

UNITS: Mapping[str, Literal["$", "kWh"]] = {"gc_usd": "$", "ec_usd": "$", "loss_kwh": "kWh"}

WORDS = {"gc_usd": "generation cost", "ec_usd": "emission cost", "loss_kwh": "losses"}

CAPPED = ("gc_usd", "loss_kwh")
"""Objectives that eqs. (27) and (28) bound."""

ABSOLUTE_UNDER_USD = 1.0
"""Range of a minimised objective under which a gap is stated in $ instead of as a share of it."""

_PREFERRED: tuple[Objective, ...] = ("ec_usd", "gc_usd", "loss_kwh")
"""Which objective is minimised: the first of these that has a range."""


@dataclass(frozen=True)
class Trade:
    """Roles of the three objectives in a front.

    Attributes
    ----------
    minimised
        Least under the caps: f2, in its absence f1, in the absence of both f3. Where none has a
        range it is the one that comes to most.
    stepped
        Objectives whose caps step from point to point; none where only one has a range.
    flat
        Objectives without a range: the same, within what is negligible, at every end of the front.
    """

    minimised: Objective
    stepped: tuple[Objective, ...]
    flat: tuple[Objective, ...]

    @property
    def unit(self) -> Literal["$", "kWh"]:
        """Unit of what is minimised."""
        return UNITS[self.minimised]

    @property
    def weighed(self) -> tuple[Objective, ...]:
        """Objectives that a point's objective counts."""
        return (self.minimised, *self.stepped)

    def held(self, ranges: Mapping[str, Range]) -> dict[str, float]:
        """Return caps that do not step: those of objectives without a range, and eq. (27)'s.

        An objective without a range may exceed its greatest value in the payoff table by what is
        negligible. Where f1 is minimised, the cap of eq. (27) lies above all that it can be.
        """
        constant = {*self.flat, *(n for n in CAPPED if n not in self.stepped)}
        return {n: ranges[n].max + NEGLIGIBLE[n] for n in NEGLIGIBLE if n in constant}

    def gap_unit(self, ranges: Mapping[str, Range]) -> float:
        """Return what a gap is a share of: the minimised objective's range, or one of its unit.

        It is 1 $ where the range is less, and 1 kWh where losses have none.
        """
        width = ranges[self.minimised].width
        return 1.0 if self.is_absolute(ranges) else width

    def is_absolute(self, ranges: Mapping[str, Range]) -> bool:
        """Whether gaps are in $ or kWh instead of shares of a range."""
        least = ABSOLUTE_UNDER_USD if self.unit == "$" else NEGLIGIBLE[self.minimised]
        return ranges[self.minimised].width < least

    def note(self) -> str | None:
        """Say which objectives have no range and what the front is over instead."""
        if not self.flat:
            return None
        named = _named(self.flat)
        has = "has" if len(self.flat) == 1 and self.flat[0] != "loss_kwh" else "have"
        least = " and ".join(dict.fromkeys(_amount(n) for n in self.flat))
        lead = (
            f"{named} {has} no range (under {least} between the ends of the payoff table), "
            "so that nothing can be traded for it"
            if len(self.flat) == 1
            else f"{named} have no range (under {least} between the ends of the payoff table)"
        )
        if self.stepped:
            return f"{lead}: the front is over {_named((self.minimised, *self.stepped))}"
        return f"{lead}: the front is one point, that of least {WORDS[self.minimised]}"


def trade_of(ranges: Mapping[str, Range]) -> Trade:
    """Return the roles of the objectives under their ranges in the payoff table."""
    flat = tuple(n for n in OBJECTIVES if ranges[n].width < NEGLIGIBLE[n])
    ranged = [n for n in _PREFERRED if n not in flat]
    if not ranged:
        share = {n: abs(ranges[n].max) // NEGLIGIBLE[n] for n in OBJECTIVES}
        return Trade(max(share, key=lambda n: share[n]), (), flat)
    minimised = ranged[0]
    return Trade(minimised, tuple(n for n in OBJECTIVES if n in ranged[1:]), flat)


def _named(names: tuple[str, ...]) -> str:
    words = [WORDS[name] for name in names]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _amount(name: str) -> str:
    return f"{NEGLIGIBLE[name]:g} {UNITS[name]}"
