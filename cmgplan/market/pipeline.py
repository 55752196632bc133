"""The coalition market of a case: values of coalitions, structures, games."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from cmgplan.case.scenarios import CERTAIN
from cmgplan.errors import InputError
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.case.scenario_case import case_of
from cmgplan.market.case.structures import (
    Structure,
    joined,
    parse_leaders,
    parse_structures,
)
from cmgplan.market.leading.bid import Bid
from cmgplan.market.leading.nlp import from_nlp
from cmgplan.market.leading.owner import owned
from cmgplan.market.leading.prices import spread
from cmgplan.market.leading.settle import incomes, settled_day
from cmgplan.market.leading.settlement import LEAST_SURPLUS, Settlement, Worth
from cmgplan.market.leading.several import Several
from cmgplan.market.leading.uniform import Uniform
from cmgplan.market.model.plant import Plant
from cmgplan.market.model.values import MOST_HOMES, Values, cold_homes
from cmgplan.market.result import (
    Equilibrium,
    MarketOptions,
    MarketResult,
    PriceTable,
    ScenarioIncomes,
    StructureResult,
)
from cmgplan.progress import ProgressEvent, telling
from cmgplan.search.coalitions import Game, excesses, least_core, nucleolus, shapley
from cmgplan.version import __version__

MANY_PAIRS = 1000
"""Pairs of bounds and multipliers from which the exact search begins where Ipopt ends."""

Tell = Callable[[ProgressEvent], None]


def run_market(
    case: HomesCase, options: MarketOptions | None = None, progress: Tell | None = None
) -> MarketResult:
    """Return the coalition market of a case, structure by structure.

    The day itself is that of the case as it stands. Where the case has scenarios, each is run
    as well, for what homes earn in it.

    Raises
    ------
    InputError
        A structure names what is not there.
    InfeasibleError
        A group of homes has no day of its own.
    LimitError
        A structure had no answer in its time.
    """
    options = options or MarketOptions()
    tell = telling(progress)
    if options.pricing == "bid" and options.method == "nlp":
        raise InputError("--pricing bid is solved by --method milp alone; leave out --method nlp")
    if options.leaders:
        parse_leaders(options.leaders, case.ids)  # told before any work is spent
    found = _run_day(case, options, tell)
    if case.scenarios == CERTAIN:
        return found
    scenarios = []
    alone = options.model_copy(update={"leaders": ()})
    for k, scenario in enumerate(case.scenarios):
        message = f"{scenario.id}: scenario {k + 1} of {len(case.scenarios)}"
        tell(ProgressEvent("scenario", message, fraction=k / len(case.scenarios)))
        day = _run_day(case_of(case, scenario), alone, lambda event: None)
        scenarios.append(
            ScenarioIncomes(
                id=scenario.id,
                weight=scenario.weight,
                income={s.name: dict(s.income) for s in day.structures},
                gap_share={s.name: s.gap_share for s in day.structures},
            )
        )
    return replace(found, scenarios=tuple(scenarios))


def _run_day(case: HomesCase, options: MarketOptions, tell: Tell) -> MarketResult:
    """Return the market of one day."""
    structures = parse_structures(options.structures, case.ids)
    begun = time.perf_counter()
    tell(ProgressEvent("model", "building the day's model", fraction=0.0))
    plant = Plant(case)
    built = time.perf_counter()
    tell(ProgressEvent("values", "what each coalition earns on its own", fraction=0.05))
    values = Values(plant)
    values.solve_all()
    valued = time.perf_counter()
    market = _Market(plant, values, options)
    found = []
    for k, structure in enumerate(structures):
        message = f"{structure.name}: structure {k + 1} of {len(structures)}"
        tell(ProgressEvent("structure", message, fraction=0.1 + 0.85 * k / len(structures)))
        found.append(market.run(structure))
    equilibrium = _several(plant, values, options, tell) if options.leaders else None
    ended = time.perf_counter()
    everybody = next((s for s in found if s.name == joined(case.ids)), None)
    owen = market.run(Structure(tuple(sorted(case.ids)))) if everybody is None else everybody
    games = _games(case, values.named(), owen.income)
    wall_s = {
        "model": built - begun,
        "values": valued - built,
        "structures": ended - valued,
        "total": time.perf_counter() - begun,
    }
    return MarketResult(
        case=case,
        options=options,
        gap=market.gap,
        structures=tuple(found),
        values=values.named(),
        games=games,
        fixed=plant.fixed,
        warnings=tuple(_warnings(plant)),
        wall_s=wall_s,
        versions={"cmgplan": __version__, "solver": plant.solver},
        equilibrium=equilibrium,
    )


def _several(plant: Plant, values: Values, options: MarketOptions, tell: Tell) -> Equilibrium:
    """Return several leaders at once, settled at their common prices."""
    case = plant.case
    leaders, following = parse_leaders(options.leaders, case.ids)
    gap = case.file.market.gap if options.gap is None else options.gap
    sure = sum(values[group] for group in (*leaders, following))
    enough = max(gap * (values[case.ids] - sure), LEAST_SURPLUS)
    name = f"{','.join(joined(group) for group in leaders)}|{joined(following)}"

    def told(number: int, gain: float) -> None:
        message = f"{name}: round {number}, somebody gains up to {gain * plant.unit:.4g}"
        tell(ProgressEvent("leaders", message, fraction=0.95))

    limit_s = options.time_limit_s * len(leaders)
    point = Several(plant, leaders, following, enough / plant.unit, limit_s).settle(told)
    put = [spread(point.prices, quantity, case.hours) for quantity in point.quantity]
    per_kwh = plant.unit / case.dt_h
    price, low, high = (
        per_kwh * spread(point.prices, found, case.hours)
        for found in (point.prices.price, point.prices.low, point.prices.high)
    )
    unique = spread(point.prices, (~point.prices.unique).astype(float), case.hours) == 0.0
    blocks = [*zip(leaders, put, strict=True), (following, -np.sum(put, axis=0))]
    day = settled_day(plant, blocks)
    gain = {
        joined(group): max(bound, 0.0) * plant.unit
        for group, bound in zip(leaders, point.bound, strict=True)
    }
    return Equilibrium(
        name=name,
        leaders=leaders,
        following=following,
        status="equilibrium" if max(gain.values()) <= enough else "none found",
        enough=enough,
        gain=gain,
        income=dict(incomes(case, day, price)),
        rounds=point.rounds,
        prices=PriceTable(price, low, high, unique, plant.traded),
        dispatch=day,
    )


def _warnings(plant: Plant) -> Iterator[str]:
    """Yield what is doubtful about the homes of a market."""
    for home, kwh in cold_homes(plant).items():
        yield (
            f"home {home} cannot serve {kwh:.4g} kWh of its heat alone; the pool does, or it "
            "stays unserved at the ceiling of the price of heat"
        )


def _games(
    case: HomesCase, values: Mapping[str, float], owen: Mapping[str, float]
) -> dict[str, Mapping[str, float]]:
    """Return what rules give each home, and the least excess of each rule."""
    if len(case.ids) > MOST_HOMES:
        return {}
    game = Game.of(case.ids, values)
    rules: dict[str, Mapping[str, float]] = {
        "shapley": shapley(game),
        "nucleolus": nucleolus(game),
        "owen": dict(owen),
        "least_core": least_core(game).allocation,
    }
    least = {rule: min(excesses(game, rules[rule]).values(), default=0.0) for rule in rules}
    return {**rules, "least_excess": least}


class _Market:
    """Runs structures over one plant and its values."""

    def __init__(self, plant: Plant, values: Values, options: MarketOptions) -> None:
        self.plant, self.values, self.options = plant, values, options
        self.gap = plant.case.file.market.gap if options.gap is None else options.gap

    def run(self, structure: Structure) -> StructureResult:
        """Return a structure's result."""
        if not structure.following:
            return self._owned(structure)
        worth = Worth(
            self.values[structure.homes],
            self.values[structure.leading],
            self.values[structure.following],
        )
        groups = self.plant, structure.leading, structure.following, worth
        gap, seconds = self.gap, self.options.time_limit_s
        settled = (
            Bid(*groups, gap=gap, time_limit_s=seconds).answer()
            if self.options.pricing == "bid"
            else Uniform(
                *groups,
                gap=gap,
                time_limit_s=seconds,
                starter=from_nlp,
                starts_from=0 if self.options.method == "nlp" else MANY_PAIRS,
            ).answer()
        )
        return self._told(structure, settled, worth)

    def _told(self, structure: Structure, s: Settlement, worth: Worth) -> StructureResult:
        gap = max(s.bound - s.leader_income, 0.0)
        return StructureResult(
            name=structure.name,
            leading=structure.leading,
            following=structure.following,
            status=s.status,
            method=s.method,
            income=s.income,
            leader_income=s.leader_income,
            follower_income=s.follower_income,
            bound=s.bound,
            gap=gap,
            gap_share=worth.share(gap),
            pessimistic_income=s.pessimistic_income,
            optimistic_income=s.optimistic_income,
            prices=PriceTable(s.prices, s.low, s.high, s.unique, self.plant.traded),
            quantity_kw=s.quantity,
            dispatch=s.dispatch,
            wide_hours=s.wide,
            seconds=s.seconds,
        )

    def _owned(self, structure: Structure) -> StructureResult:
        """Return a group that acts as one owner: its value is its income, and its bound."""
        begun = time.perf_counter()
        found, value = owned(self.plant, structure.leading), self.values[structure.leading]
        income = sum(found.income.values())
        bound = max(value, income)
        return StructureResult(
            name=structure.name,
            leading=structure.leading,
            following=(),
            status="optimal",
            method="lp",
            income=found.income,
            leader_income=income,
            follower_income=0.0,
            bound=bound,
            gap=bound - income,
            gap_share=0.0,
            pessimistic_income=income,
            optimistic_income=income,
            prices=PriceTable(found.prices, found.low, found.high, found.unique, self.plant.traded),
            quantity_kw=np.zeros((2, self.plant.case.hours)),
            dispatch=found.dispatch,
            seconds={"settle": time.perf_counter() - begun},
        )
