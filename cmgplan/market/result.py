"""What a run of the market hands on: options, structures, values of coalitions, games."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.devices.base import Positive, Record
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.dispatch import Dispatch

MCP_COLUMNS = ("way", "hour", "carrier", "price_per_kwh", "low_per_kwh", "high_per_kwh", "unique")

CARRIERS = ("electricity", "heat")


class MarketOptions(Record):
    """How a market is run.

    Attributes
    ----------
    structures
        Structures such as ``A|B+C``; empty asks for the default ones, with ``leaders`` for all
        homes together alone.
    leaders
        Groups that lead at once, such as ``A`` and ``C``; empty asks for none.
    pricing
        ``uniform``: all settle at the market clearing price; ``bid``: leaders post a price.
    method
        ``milp`` solves exactly; ``nlp`` begins with the paper's optimality conditions and Ipopt.
    gap
        Gap as a share of the surplus; None takes that of the case.
    time_limit_s
        Time that each structure may take, s. What on/off choices take before, half of it at
        most, comes off the time of the structures.
    """

    structures: tuple[str, ...] = ()
    leaders: tuple[str, ...] = ()
    pricing: Literal["uniform", "bid"] = "uniform"
    method: Literal["milp", "nlp"] = "milp"
    gap: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    time_limit_s: Positive = 60.0


@dataclass(frozen=True)
class PriceTable:
    """Prices by carrier and hour, each of shape (2, T): electricity, heat; currency/kWh.

    Attributes
    ----------
    price, low, high
        The price at which all settle, and the interval of prices that clear the market.
    unique
        Whether no other price clears it.
    traded
        Whether homes trade electricity, and heat, at all.
    """

    price: FloatArray
    low: FloatArray
    high: FloatArray
    unique: BoolArray
    traded: tuple[bool, bool] = (True, True)

    def table(self, way: str) -> pd.DataFrame:
        """Return the rows of mcp.csv."""
        parts = []
        for k, carrier in enumerate(CARRIERS):
            if not self.traded[k]:
                continue
            data = {
                "way": way,
                "hour": np.arange(self.price.shape[1]),
                "carrier": carrier,
                "price_per_kwh": self.price[k],
                "low_per_kwh": self.low[k],
                "high_per_kwh": self.high[k],
                "unique": self.unique[k],
            }
            parts.append(pd.DataFrame(data))
        if not parts:
            return pd.DataFrame(columns=list(MCP_COLUMNS))
        table = pd.concat(parts, ignore_index=True)
        return table.sort_values(["hour", "carrier"], kind="stable", ignore_index=True)


@dataclass(frozen=True)
class StructureResult:
    """One structure that was run.

    Attributes
    ----------
    name
        ``A|B+C``, ``A`` for a home alone, ``A+B+C`` for a group that acts as one owner.
    leading, following
        Ids of the homes.
    status
        ``optimal`` within the gap asked for, else ``feasible``.
    stopped
        What ended the search: ``gap`` within what was asked for, ``time``, ``rounds`` where it
        came to its end with more left open; empty where it is not known.
    method
        What found the answer: ``lp`` without followers, ``milp``, ``nlp`` where Ipopt's snapped
        answer was not improved.
    income
        By home, currency; negative is a net cost.
    leader_income, follower_income
        Sums over the groups, currency.
    bound
        Proven bound above the leaders' income, currency.
    gap, gap_share
        ``bound - leader_income``, and the same as a share of the surplus.
    pessimistic_income, optimistic_income
        Of the leaders at the quantities before shading, at the prices worst and best for them.
    prices
        Market clearing prices, or posted ones with ``--pricing bid``.
    quantity_kw
        What leaders put into the market, shape (2, T).
    dispatch
        What every device and home does.
    before_shading_kw
        What leaders put into the market before shading, shape (2, T); None without followers and
        where prices are posted.
    wide_hours
        Hours in which a connection may bind, so that prices may leave the retailer's band.
    own_choices
        By home and device: on/off choices that are not those of all homes, because these leave a
        group no day of its own.
    seconds
        By stage: time, s.
    """

    name: str
    leading: tuple[str, ...]
    following: tuple[str, ...]
    status: str
    method: str
    income: Mapping[str, float]
    leader_income: float
    follower_income: float
    bound: float
    gap: float
    gap_share: float
    pessimistic_income: float
    optimistic_income: float
    prices: PriceTable
    quantity_kw: FloatArray
    dispatch: Dispatch
    own_choices: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    before_shading_kw: FloatArray | None = None
    wide_hours: tuple[int, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    stopped: str = ""


@dataclass(frozen=True)
class Equilibrium:
    """Several groups that lead at once, and how far the point is from an equilibrium.

    Attributes
    ----------
    name
        Groups of leaders joined by commas, then the followers, as ``A,C|B``.
    leaders, following
        Ids of the homes.
    status
        ``equilibrium`` where nobody gains more than ``enough``, else ``none found``.
    stopped
        What ended the search for a better point: ``gap`` where nobody gains more than
        ``enough``, ``time``, ``rounds`` after as many responses as are taken, ``repeated`` where
        a point came back, ``stuck`` where nobody has a response that is known to gain; empty
        where it is not known.
    enough
        Gain that counts as none, currency.
    gain
        By group of leaders: what its best response would bring beyond its income, proven to be
        no more than that, currency.
    bound
        By group of leaders: proven bound of what its best response would earn, currency.
    income
        By home, at the common prices, currency.
    rounds
        Best responses that were taken.
    own_choices
        As of a structure.
    """

    name: str
    leaders: tuple[tuple[str, ...], ...]
    following: tuple[str, ...]
    status: str
    enough: float
    gain: Mapping[str, float]
    bound: Mapping[str, float]
    income: Mapping[str, float]
    rounds: int
    prices: PriceTable
    dispatch: Dispatch
    own_choices: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    stopped: str = ""


@dataclass(frozen=True)
class ScenarioIncomes:
    """What homes earn in one scenario.

    Attributes
    ----------
    id, weight
        Of the scenario.
    income
        By structure and home, currency.
    gap_share
        By structure: the gap as a share of the scenario's surplus.
    """

    id: str
    weight: float
    income: Mapping[str, Mapping[str, float]]
    gap_share: Mapping[str, float]


@dataclass(frozen=True)
class MarketResult:
    """A finished run of the market.

    Attributes
    ----------
    values
        Value of every coalition on its own, currency, by ids joined by ``+``; beyond twelve homes
        of those that the structures need.
    games
        By rule (``shapley``, ``nucleolus``, ``owen``, ``least_core``): what each home gets, and
        ``least_excess`` by rule; empty where values are missing.
    fixed
        By home and device: on/off choices, taken from the optimum of all homes.
    fixed_gap
        Relative gap of that optimum where its time ran out, else 0.
    backstopped
        Homes that have no day alone without power from nowhere.
    warnings
        Sentences on what is doubtful.
    scenarios
        What homes earn in each scenario; empty where the case has none.
    equilibrium
        Several leaders at once, where asked for.
    """

    case: HomesCase
    options: MarketOptions
    gap: float
    structures: tuple[StructureResult, ...]
    values: Mapping[str, float]
    games: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    fixed: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    fixed_gap: float = 0.0
    backstopped: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    wall_s: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    scenarios: tuple[ScenarioIncomes, ...] = ()
    equilibrium: Equilibrium | None = None

    def expected(self) -> dict[str, dict[str, float]]:
        """Return the expected income of every home by structure, over the scenarios."""
        found: dict[str, dict[str, float]] = {}
        for scenario in self.scenarios:
            for structure, incomes in scenario.income.items():
                sums = found.setdefault(structure, dict.fromkeys(incomes, 0.0))
                for home, income in incomes.items():
                    sums[home] += scenario.weight * income
        return found

    def structure(self, name: str) -> StructureResult:
        """Return the structure of a name."""
        return next(found for found in self.structures if found.name == name)

    def mcp(self) -> pd.DataFrame:
        """Return mcp.csv: prices of every structure."""
        parts = [found.prices.table(found.name) for found in self.structures]
        if (several := self.equilibrium) is not None:
            parts.append(several.prices.table(several.name))
        return pd.concat(parts, ignore_index=True)
