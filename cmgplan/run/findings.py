"""What a check of a run finds, and the arrays that the checks compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.errors import ReplayError

POWER_KW = 1e-3
"""Tolerance of every power balance, kW or kvar."""

VOLTAGE_PU = 1e-6
"""Tolerance of every voltage and current, pu."""

ENERGY = 1e-2
"""Tolerance of stored energy in kWh, and of ratings in kVA."""

TOTAL = 1e-3
"""Tolerance of sums over the day, $ or kWh."""

ROUNDING = 1e-8
"""Relative tolerance of what was only rounded when it was written: tables keep ten digits."""

SHOWN = 80
"""Characters of a value that a finding shows."""


@dataclass(frozen=True)
class Finding:
    """One value of a run that does not hold, by how much, and in which hour if in one.

    ``told`` is what the run says and ``due`` what follows from the rest of it, where that is
    known; both are numbers or texts.
    """

    place: str
    amount: float
    unit: str
    hour: int | None = None
    told: object = None
    due: object = None

    def __str__(self) -> str:
        """Return the finding as one line."""
        where = self.place if self.hour is None else f"{self.place}, hour {self.hour}"
        size = "no value" if np.isnan(self.amount) else f"{self.amount:.4g} {self.unit}".rstrip()
        if self.told is None and self.due is None:
            return f"{where}: {size}"
        both = f"told {_shown(self.told)}, computed {_shown(self.due)}"
        return f"{where}: {both}" if np.isnan(self.amount) else f"{where}: {size} ({both})"


def _shown(value: object) -> str:
    """Return a value as a finding tells it."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "nothing"
    text = f"{value:.10g}" if isinstance(value, float) else str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


@dataclass(frozen=True)
class CheckResult:
    """A named check and what it found; nothing found is a pass."""

    name: str
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether everything holds."""
        return not self.findings


def over(excess: FloatArray, names: Sequence[str], tolerance: float, unit: str) -> list[Finding]:
    """Return a finding for every hour and name whose excess is over the tolerance, or unknown.

    ``excess`` is of shape (T, names); an absolute difference is an excess too.
    """
    # A comparison with NaN is false, so that a missing value counts as found.
    wrong = ~(excess <= tolerance)
    return [
        Finding(names[int(k)], float(excess[t, k]), unit, int(t))
        for t, k in zip(*np.nonzero(wrong), strict=True)
    ]


def over_hourly(excess: FloatArray, name: str, tolerance: float, unit: str) -> list[Finding]:
    """Return a finding for every hour whose excess, shape (T,), is over the tolerance."""
    return over(excess[:, np.newaxis], [name], tolerance, unit)


def apart(
    told: FloatArray, due: FloatArray, places: Sequence[str], tolerance: float, unit: str
) -> list[Finding]:
    """Return a finding for every hour and place in which a table and its value due differ.

    Both are of shape (T, places). What is missing in one of them only is a difference.
    """
    wrong = ~(np.abs(told - due) <= tolerance + ROUNDING * np.abs(due))
    wrong &= ~(np.isnan(told) & np.isnan(due))
    return [
        Finding(
            places[int(k)],
            abs(float(told[t, k] - due[t, k])),
            unit,
            int(t),
            float(told[t, k]),
            float(due[t, k]),
        )
        for t, k in zip(*np.nonzero(wrong), strict=True)
    ]


def apart_hourly(
    told: FloatArray, due: FloatArray, place: str, tolerance: float, unit: str
) -> list[Finding]:
    """Return what ``apart`` does for one value an hour, both of shape (T,)."""
    return apart(told[:, np.newaxis], due[:, np.newaxis], [place], tolerance, unit)


def unequal(
    told: float | None, due: float, place: str, unit: str = "", tolerance: float = TOTAL
) -> list[Finding]:
    """Return a finding if a number differs from what follows from the rest.

    None and NaN are no value.
    """
    told = float("nan") if told is None else told
    if np.isnan(told) and np.isnan(due):
        return []
    gap = abs(told - due)
    if gap <= tolerance + ROUNDING * abs(due):
        return []
    return [Finding(place, gap, unit, None, told, due)]


def differs(told: object, due: object, place: str, hour: int | None = None) -> list[Finding]:
    """Return a finding if a text, a list or a truth value is not the one due."""
    if type(told) is type(due) and told == due:
        return []
    return [Finding(place, float("nan"), "", hour, told, due)]


def require_verified(checks: tuple[CheckResult, ...]) -> None:
    """Raise ReplayError unless every check of a run about to be written holds."""
    failed = [check for check in checks if not check.passed]
    if failed:
        told = "; ".join(f"{check.name}: {check.findings[0]}" for check in failed)
        raise ReplayError(f"the run is not verified and was not written: {told}")
