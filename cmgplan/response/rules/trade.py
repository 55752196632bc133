"""Trade of one hour: neighbours first, pro rata, then the retailer within its limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cmgplan.homes.case.records import HomesCase


@dataclass(frozen=True)
class Terms:
    """What trade is allowed: a pool of electricity or none, the retailer's limits in kW."""

    pool: bool
    each_kw: float
    total_kw: float

    @classmethod
    def of(cls, case: HomesCase) -> Terms:
        """Return the terms of a case; without a retailer nothing is bought or sold."""
        retailer = case.file.retailer
        if retailer is None:
            return cls(case.file.pool.electricity, 0.0, 0.0)
        each, total = retailer.power_max_kw, retailer.power_max_total_kw
        return cls(
            case.file.pool.electricity,
            np.inf if each is None else each,
            np.inf if total is None else total,
        )

    @property
    def trades(self) -> bool:
        """Whether the retailer takes anything."""
        return self.each_kw > 0.0 and self.total_kw > 0.0


@dataclass(frozen=True)
class Trade:
    """What homes trade in an hour, kW, in the order of the homes.

    ``pool`` is positive into the pool; ``missing`` is what nobody serves, ``left`` what nobody
    takes.
    """

    bought: list[float]
    sold: list[float]
    pool: list[float]
    missing: list[float]
    left: list[float]


def settle(short_kw: Sequence[float], terms: Terms) -> Trade:
    """Return the trade of homes that lack (positive) or have to spare (negative), kW."""
    pool = [0.0] * len(short_kw)
    if terms.pool:
        pool = pro_rata([-short for short in short_kw], terms.each_kw)
    rest = [short + given for short, given in zip(short_kw, pool, strict=True)]
    bought = _within([max(x, 0.0) for x in rest], terms)
    sold = _within([max(-x, 0.0) for x in rest], terms)
    return Trade(
        bought,
        sold,
        pool,
        [max(x - b, 0.0) for x, b in zip(rest, bought, strict=True)],
        [max(-x - s, 0.0) for x, s in zip(rest, sold, strict=True)],
    )


def pro_rata(surplus_kw: Sequence[float], each_kw: float = np.inf) -> list[float]:
    """Return what homes put into a pool (negative: take out of it), kW.

    As much is exchanged as both sides allow. Each home takes part by its share of its side, after
    what is beyond ``each_kw``, its limit with the retailer, and has no other way.
    """
    given = [max(x, 0.0) for x in surplus_kw]
    wanted = [max(-x, 0.0) for x in surplus_kw]
    volume = min(sum(given), sum(wanted))
    if volume <= 0.0:
        return [0.0] * len(given)
    sides = (_divided(volume, side, each_kw) for side in (given, wanted))
    return [g - w for g, w in zip(*sides, strict=True)]


def _divided(volume_kw: float, side_kw: Sequence[float], each_kw: float) -> list[float]:
    """Return the parts of a volume that the homes of one side have, kW."""
    first = [max(x - each_kw, 0.0) for x in side_kw]
    if sum(first) >= volume_kw:
        return [volume_kw * x / sum(first) for x in first]
    rest = [x - f for x, f in zip(side_kw, first, strict=True)]
    share = (volume_kw - sum(first)) / sum(rest) if sum(rest) > 0.0 else 0.0
    return [f + share * x for f, x in zip(first, rest, strict=True)]


def _within(power_kw: Sequence[float], terms: Terms) -> list[float]:
    """Return powers within the retailer's limits: each home's, then pro rata that of all."""
    kept = [min(x, terms.each_kw) for x in power_kw]
    total = sum(kept)
    if total <= terms.total_kw:
        return kept
    return [x * terms.total_kw / total for x in kept]


def room_kw(short_kw: Sequence[float], position: int, terms: Terms) -> float:
    """Return how much more electricity a home can have before anything is missing, kW.

    It may lack what the retailer still delivers to it and to all homes together, and what others
    have left; what others need beyond their own limit with the retailer is theirs first.
    """
    own = short_kw[position]
    others = [short for k, short in enumerate(short_kw) if k != position]
    if not terms.pool:
        bought = sum(max(short, 0.0) for short in others)
        return max(min(terms.each_kw, terms.total_kw - bought) - own, 0.0)
    left = sum(max(-short, 0.0) for short in others)
    beyond = sum(max(short - terms.each_kw, 0.0) for short in others)
    most = terms.each_kw + left - beyond if left >= beyond else left - beyond
    return max(min(most - own, terms.total_kw - sum(short_kw)), 0.0)


def outlet_kw(short_kw: Sequence[float], position: int, terms: Terms) -> float:
    """Return how much electricity a home can get rid of in an hour, kW: as ``room_kw``, sold."""
    return room_kw([-short for short in short_kw], position, terms)
