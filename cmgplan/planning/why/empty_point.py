"""Why a Pareto point is empty: by how much one of its caps would have to give."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

QUESTION_S = 10.0
"""Seconds that the least of one capped objective under the other cap may take."""

TOGETHER_S = 60.0
"""Seconds after which no further point of a front is explained."""

NOT_ASKED = (
    f"proved to be empty; by how much its caps lack was not asked, as {TOGETHER_S:g} s went into "
    "other points"
)

QUESTION_ROUNDS = 6
"""Bounding rounds of such a question."""

GAP_SHARE = 0.1
"""Gap of such a question as a share of what the cap turns out to lack, at first unknown."""


@dataclass(frozen=True)
class _Quantity:
    """How a capped objective is called."""

    name: str
    words: str
    unit: str
    digits: int


COST = _Quantity("gc_usd", "cost", "$", 2)
LOSS = _Quantity("loss_kwh", "losses", "kWh", 3)


class Answerer(Protocol):
    """Level 4 as far as it is asked here; see ``GridConnection``."""

    time_limit_s: float

    def minimise(
        self,
        weights: Mapping[str, float],
        caps: Mapping[str, float],
        *,
        label: str,
        gap_abs: float = ...,
        rounds: int | None = ...,
    ) -> Any:
        """Return the least weighted sum of objectives under caps."""


def explain_caps(level4: Answerer, number: int, caps: Mapping[str, float]) -> tuple[str, ...]:
    """Say for each cap of an empty point how far it would have to give, the other one kept."""
    usual = level4.time_limit_s
    level4.time_limit_s = min(usual, QUESTION_S)
    try:
        return tuple(
            _sentence(level4, number, caps, kept, moved)
            for kept, moved in ((LOSS, COST), (COST, LOSS))
        )
    finally:
        level4.time_limit_s = usual


class CapReasons:
    """Says why points are empty while ``TOGETHER_S`` last, from the first that is asked for."""

    def __init__(self, level4: Answerer) -> None:
        self._level4 = level4
        self._deadline: float | None = None

    def of(self, number: int, caps: Mapping[str, float]) -> tuple[str, ...]:
        """Return the sentences for an empty point."""
        now = time.perf_counter()
        self._deadline = now + TOGETHER_S if self._deadline is None else self._deadline
        if now > self._deadline:
            return (NOT_ASKED,)
        return explain_caps(self._level4, number, caps)


def explain_limit(reason: str) -> tuple[str, ...]:
    """Say why a point holds no schedule although none is proven not to exist."""
    return (
        f"the search stopped without a schedule and without a proof that there is none: {reason}; "
        "more time (--time-limit) may find one",
    )


def _sentence(
    level4: Answerer,
    number: int,
    caps: Mapping[str, float],
    kept: _Quantity,
    moved: _Quantity,
) -> str:
    answer = level4.minimise(
        {moved.name: 1.0},
        {kept.name: caps[kept.name]},
        label=f"why point {number} is empty, {moved.words}",
        gap_abs=GAP_SHARE * 10.0**-moved.digits,
        rounds=QUESTION_ROUNDS,
    )
    cap, limit = caps[moved.name], caps[kept.name]
    if answer.infeasible:
        return (
            f"no schedule has {kept.words} of at most {_number(limit, kept)}, whatever its "
            f"{moved.words}: proved"
        )
    with_kept = f"with {kept.words} of at most {_number(limit, kept)}"
    found = None if answer.values is None else float(answer.values[moved.name])
    told = "" if found is None else f"; {_number(found, moved, cap, math.ceil)} is reached"
    if answer.bound is not None and answer.bound > cap:
        shown = _number(answer.bound, moved, cap, math.floor)
        lacks = _number(answer.bound - cap, moved, 0.0, math.floor)
        return (
            f"{with_kept} {moved.words} cannot be under {shown}: proved{told}; the cap is "
            f"{_number(cap, moved, answer.bound)}, at least {lacks} too low"
        )
    if found is None:
        return f"{with_kept} no schedule was found in {QUESTION_S:g} s ({answer.reason})"
    return (
        f"{with_kept} the least {moved.words} found: {_number(found, moved, cap)}; the cap is "
        f"{_number(cap, moved, found)}"
    )


def _number(
    value: float,
    quantity: _Quantity,
    beside: float | None = None,
    to_digit: Callable[[float], int] = round,
) -> str:
    """Return a value with its unit, with the digits that tell it from another value."""
    digits = quantity.digits
    if beside is not None and value != beside:
        digits = min(max(digits, 1 - math.floor(math.log10(abs(value - beside)))), 9)
    scale = 10.0**digits
    return f"{to_digit(value * scale) / scale:.{digits}f} {quantity.unit}"
