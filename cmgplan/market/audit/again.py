"""A result of the market solved again at its own quantities and on/off choices.

What a search found is not searched again. But at given quantities everything else is a linear
program: what groups are worth, what followers and leaders make of the day, whether prices clear the
market and which others would, what leaders had before shading. Bounds of a search can only be held
against the free bound, v(N) - v(F).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.errors import CmgplanError
from cmgplan.market.audit.clearing import Clearing
from cmgplan.market.leading.offers import caps
from cmgplan.market.leading.settlement import LEAST_SURPLUS
from cmgplan.market.leading.several import MOST_ROUNDS
from cmgplan.market.model.choices import Commitment
from cmgplan.market.model.plant import FIXING_GAP, FIXING_SHARE, Plant
from cmgplan.market.model.values import MOST_HOMES, Values, coalitions
from cmgplan.market.result import Equilibrium, MarketResult, StructureResult
from cmgplan.run.findings import CheckResult, Finding, differs, unequal

MONEY = 1e-6
"""Tolerance of money that is solved for again, as a share of the greatest value."""

TRADED_KW = 1e-6
"""Quantity from which groups trade."""


def solved_again(result: MarketResult) -> tuple[CheckResult, ...]:
    """Compare a result with what its own quantities and choices come to.

    A finding tells the number, what it is and what it should be.
    """
    try:
        again = _Again(result)
    except CmgplanError as error:
        wrong = Finding(f"run.json fixed: {error}", np.nan, "")
        return (CheckResult("on/off choices are those of all homes", (wrong,)),)
    checks = [
        CheckResult("on/off choices are those of all homes", tuple(again.choices())),
        CheckResult("values are what groups earn on their own", tuple(again.worths())),
    ]
    for told in result.structures:
        name = f"{told.name}: solved again at its quantities, it comes to the same"
        checks.append(CheckResult(name, tuple(_guarded(told.name, again.structure(told)))))
    checks.append(CheckResult("games settle as all homes together do", tuple(again.owen())))
    if (several := result.equilibrium) is not None:
        name = f"{several.name}: solved again at its quantities, it comes to the same"
        checks.append(CheckResult(name, tuple(_guarded(several.name, again.several(several)))))
    return tuple(checks)


def _guarded(name: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    """Yield findings, and one more where what is told cannot be solved at all."""
    try:
        yield from findings
    except CmgplanError as error:
        yield Finding(f"{name}: {error}", np.nan, "")


class _Again:
    """The homes of a result, with its on/off choices."""

    def __init__(self, result: MarketResult) -> None:
        self._result, self._case = result, result.case
        self._plant = Plant(result.case, result.fixed)
        self._limit_s = FIXING_SHARE * result.options.time_limit_s
        self._commitment = Commitment(self._plant, self._limit_s)
        self._values = Values(self._plant, self._commitment)
        self._every = tuple(sorted(self._case.ids))
        sizes = [abs(self._values[(home,)]) for home in self._every]
        self._money = MONEY * max(1.0, abs(self._values[self._every]), *sizes)

    def choices(self) -> Iterator[Finding]:
        """Compare choices with the best for all homes, and backstops with who needs one."""
        told = sorted(self._result.backstopped)
        yield from differs(told, sorted(self._plant.backstopped), "run.json backstopped")
        if self._plant.on_off.columns:
            best = Plant(self._case, time_limit_s=self._limit_s, start=self._plant)
            due, mine = -best.cost_of(self._every), self._values[self._every]
            slack = (2.0 * FIXING_GAP + self._result.fixed_gap) * max(1.0, abs(mine), abs(due))
            if mine < due - slack:
                yield Finding(
                    "run.json fixed: all homes earn less", due - mine, "", None, mine, due
                )

    def worths(self) -> Iterator[Finding]:
        """Solve every group on its own again."""
        told = self._result.values
        if len(self._every) <= MOST_HOMES:
            names = sorted("+".join(group) for group in coalitions(self._every))
            yield from differs(sorted(told), names, "run.json values: groups")
        for name, value in told.items():
            homes = name.split("+")
            if set(homes) <= set(self._every):
                due = self._values[homes]
                yield from self._unequal(value, due, f"run.json values: {name}")

    def structure(self, told: StructureResult) -> Iterator[Finding]:
        """Solve a structure again at its quantities."""
        plant = self._plant.choosing([self._plant.on_off.choices_of(told.own_choices)])
        if told.following:
            yield from self._led(told, plant)
        else:
            yield from self._owned(told, plant)

    def _owned(self, told: StructureResult, plant: Plant) -> Iterator[Finding]:
        value, name = self._values[told.leading], told.name
        for key in ("leader_income", "bound", "pessimistic_income", "optimistic_income"):
            yield from self._unequal(getattr(told, key), value, f"{name}: {key}")
        yield from self._unequal(told.follower_income, 0.0, f"{name}: follower_income")
        clearing = Clearing.alone(plant, told.leading)
        yield from clearing.check_prices(told.prices, told.quantity_kw, name)

    def _led(self, told: StructureResult, plant: Plant) -> Iterator[Finding]:
        name, values = told.name, self._values
        own = -plant.cost_of(told.following)
        sure = values[told.following]
        yield from self._unequal(own, sure, f"{name}: own_choices of the followers, worth alone")
        free = values[(*told.leading, *told.following)] - sure
        if told.bound > max(free, told.leader_income) + self._money:
            yield Finding(f"{name}: bound over v(N) - v(F)", told.bound - free, "")
        if told.optimistic_income > told.bound + self._money:
            over = told.optimistic_income - told.bound
            yield Finding(f"{name}: optimistic_income over the bound", over, "")
        clearing = Clearing.of(plant, told.leading, told.following, told.wide_hours)
        paid = self._case.dt_h * float((told.prices.price * told.quantity_kw).sum())
        led, followed = clearing.costs_at(told.quantity_kw)
        due = paid - led, -followed - paid
        yield from self._unequal(told.leader_income, due[0], f"{name}: leader_income")
        yield from self._unequal(told.follower_income, due[1], f"{name}: follower_income")
        if self._result.options.pricing == "bid":
            yield from self._posted(told)
        else:
            yield from clearing.check_prices(told.prices, told.quantity_kw, name)
        worst, best = told.leader_income, told.leader_income
        if told.before_shading_kw is not None:
            worst, best = clearing.incomes_at(told.before_shading_kw)
        yield from self._unequal(told.pessimistic_income, worst, f"{name}: pessimistic_income")
        yield from self._unequal(told.optimistic_income, best, f"{name}: optimistic_income")

    def _posted(self, told: StructureResult) -> Iterator[Finding]:
        """Compare posted prices of what is traded with their caps."""
        over = np.where(
            np.abs(told.quantity_kw) > TRADED_KW, told.prices.price - caps(self._plant), 0.0
        )
        for carrier, hour in zip(*np.nonzero(over > MONEY), strict=True):
            words = ("electricity", "heat")[carrier]
            amount = float(over[carrier, hour])
            yield Finding(f"{told.name}: price of {words} over its cap", amount, "", int(hour))

    def owen(self) -> Iterator[Finding]:
        """Compare the point of the games with what all homes together settle at."""
        name = "+".join(self._every)
        together = [told for told in self._result.structures if told.name == name]
        shares = self._result.games.get("owen", {})
        for home, share in shares.items() if together else ():
            due = together[0].income.get(home, np.nan)
            yield from self._unequal(share, due, f"run.json games.owen: {home}")

    def several(self, told: Equilibrium) -> Iterator[Finding]:
        """Solve several leaders again at their quantities."""
        name, case = told.name, self._case
        plant = self._plant.choosing([self._plant.on_off.choices_of(told.own_choices)])
        sure = sum(self._values[group] for group in (*told.leaders, told.following))
        surplus = self._values[self._every] - sure
        enough = max(self._result.gap * surplus, LEAST_SURPLUS)
        yield from self._unequal(told.enough, enough, f"{name}: enough")
        if told.rounds > MOST_ROUNDS:
            yield Finding(f"{name}: rounds", float(told.rounds - MOST_ROUNDS), "")
        put = [_pooled(told, group) for group in told.leaders]
        limits = case.file.retailer
        bound = limits is not None and limits.power_max_kw is not None
        wide = range(case.hours) if bound else ()
        clearing = Clearing.of(plant, told.leaders[0], told.following, wide)
        total = np.sum(put, axis=0)
        yield from clearing.check_prices(told.prices, total, name)
        paid = case.dt_h * float((told.prices.price * total).sum())
        followed = -clearing.followers_cost(total) - paid
        income = sum(told.income.get(home, np.nan) for home in told.following)
        yield from self._unequal(income, followed, f"{name}: income of the followers")
        for group, mine in zip(told.leaders, put, strict=True):
            key = "+".join(sorted(group))
            place, income = f"{name}: {key}", sum(told.income.get(home, np.nan) for home in group)
            led = Clearing.of(plant, group, told.following, wide, others=total - mine)
            cost = led.costs_at(mine)[0]
            paid = case.dt_h * float((told.prices.price * mine).sum())
            if not plant.places.total.any():  # else leaders take connections from each other
                yield from self._unequal(income, paid - cost, f"{place}, income")
            most, stated = told.bound.get(key, np.nan), told.gain.get(key, np.nan)
            yield from self._unequal(stated, max(most - income, 0.0), f"{place}, gain")
            if not most <= max(led.free_bound(), income) + self._money:
                yield Finding(f"{place}, bound over what there is", most - led.free_bound(), "")

    def _unequal(self, told: float, due: float, place: str) -> list[Finding]:
        return unequal(told, due, place, self._case.file.currency, self._money)


def _pooled(told: Equilibrium, group: tuple[str, ...]) -> FloatArray:
    """Return what a group puts into the pool, kW, shape (2, T)."""
    exchange = [told.dispatch.exchange[home] for home in group]
    return np.array(
        [
            np.sum([part.pool_kw for part in exchange], axis=0),
            np.sum([part.pool_heat_kw for part in exchange], axis=0),
        ]
    )
