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
    pool = pro_rata([-short for short in short_kw]) if terms.pool else [0.0] * len(short_kw)
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


def pro_rata(surplus_kw: Sequence[float]) -> list[float]:
    """Return what homes put into a pool (negative: take out of it), kW.

    As much is exchanged as both sides allow; each home takes part by its share of its side.
    """
    given = [max(x, 0.0) for x in surplus_kw]
    wanted = [max(-x, 0.0) for x in surplus_kw]
    volume = min(sum(given), sum(wanted))
    if volume <= 0.0:
        return [0.0] * len(given)
    return [volume * (g / sum(given) - w / sum(wanted)) for g, w in zip(given, wanted, strict=True)]


def _within(power_kw: Sequence[float], terms: Terms) -> list[float]:
    """Return powers within the retailer's limits: each home's, then pro rata that of all."""
    kept = [min(x, terms.each_kw) for x in power_kw]
    total = sum(kept)
    if total <= terms.total_kw:
        return kept
    return [x * terms.total_kw / total for x in kept]


def room_kw(short_kw: Sequence[float], position: int, terms: Terms) -> float:
    """Return how much more electricity a home can have in an hour, kW.

    That is its own surplus, the surplus of others where there is a pool, and what the retailer
    still delivers.
    """
    now = settle(short_kw, terms)
    spare = [s + x for s, x in zip(now.sold, now.left, strict=True)]
    near = sum(spare) if terms.pool else spare[position]
    buys = min(terms.each_kw - now.bought[position], terms.total_kw - sum(now.bought))
    return near + max(buys, 0.0)
