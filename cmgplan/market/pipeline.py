"""The coalition market of a case: values of coalitions, structures, games."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from cmgplan.case.scenarios import CERTAIN
from cmgplan.homes.records import HomesCase
from cmgplan.homes.scenario_case import case_of
from cmgplan.market.case.structures import Structure, joined, parse_structures
from cmgplan.market.leading.bid import Bid
from cmgplan.market.leading.nlp import from_nlp
from cmgplan.market.leading.owner import owned
from cmgplan.market.leading.uniform import Settlement, Uniform, Worth
from cmgplan.market.model.plant import Plant
from cmgplan.market.model.values import MOST_HOMES, Values, cold_homes
from cmgplan.market.result import (
    MarketOptions,
    MarketResult,
    PriceTable,
    ScenarioIncomes,
    StructureResult,
)
from cmgplan.progress import ProgressEvent
from cmgplan.search.coalitions import Game, excesses, least_core, nucleolus, shapley
from cmgplan.version import __version__

Tell = Callable[[ProgressEvent], None]


def run_market(
    case: HomesCase, options: MarketOptions, progress: Tell | None = None
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
    tell = progress or (lambda event: None)
    found = _run_day(case, options, tell)
    if case.scenarios == CERTAIN:
        return found
    scenarios = []
    for k, scenario in enumerate(case.scenarios):
        message = f"{scenario.id}: scenario {k + 1} of {len(case.scenarios)}"
        tell(ProgressEvent("scenario", message, fraction=k / len(case.scenarios)))
        day = _run_day(case_of(case, scenario), options, lambda event: None)
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
        kind = Bid if self.options.pricing == "bid" else Uniform
        settled = kind(
            self.plant,
            structure.leading,
            structure.following,
            worth,
            gap=self.gap,
            time_limit_s=self.options.time_limit_s,
            starter=from_nlp if self.options.method == "nlp" else None,
        ).answer()
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
