"""The coalition market of a case: values of coalitions, structures, games."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from cmgplan.case.scenarios import CERTAIN
from cmgplan.errors import InfeasibleError, InputError, LimitError
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.case.scenario_case import case_of
from cmgplan.market.case.check import require_market
from cmgplan.market.case.structures import (
    Structure,
    joined,
    parse_leaders,
    parse_structures,
)
from cmgplan.market.leading.bid import Bid
from cmgplan.market.leading.doubts import of_homes, of_structure
from cmgplan.market.leading.nlp import from_nlp
from cmgplan.market.leading.owner import owned
from cmgplan.market.leading.prices import spread
from cmgplan.market.leading.settle import incomes, settled_day
from cmgplan.market.leading.settlement import LEAST_SURPLUS, Settlement, Worth
from cmgplan.market.leading.several import Several
from cmgplan.market.leading.uniform import Uniform
from cmgplan.market.model.choices import LEAST_S, Commitment
from cmgplan.market.model.plant import FIXING_SHARE, Plant
from cmgplan.market.model.values import MOST_HOMES, Values
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
    CaseError
        The case has money that is not the price of energy, which the market cannot count.
    InputError
        A structure names what is not there.
    InfeasibleError
        A group of homes has no day of its own.
    LimitError
        A structure had no answer in its time.
    """
    options = options or MarketOptions()
    tell = telling(progress)
    require_market(case)
    if options.pricing == "bid" and options.method == "nlp":
        raise InputError("--pricing bid is solved by --method milp alone; leave out --method nlp")
    if options.leaders:
        parse_leaders(options.leaders, case.ids)  # told before any work is spent
    found = _run_day(case, options, tell)
    if case.scenarios == CERTAIN:
        return found
    scenarios = []
    names = tuple(structure.name for structure in found.structures)
    alone = options.model_copy(update={"leaders": (), "structures": names})
    for k, scenario in enumerate(case.scenarios):
        message = f"{scenario.id} ({k + 1} of {len(case.scenarios)})"
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
    structures = parse_structures(options.structures, case.ids, several=bool(options.leaders))
    begun = time.perf_counter()
    tell(ProgressEvent("model", "building the day's model", fraction=0.0))
    for_choices_s = FIXING_SHARE * options.time_limit_s
    plant = Plant(case, time_limit_s=for_choices_s)
    built = time.perf_counter()
    tell(ProgressEvent("values", "what each coalition earns on its own", fraction=0.05))
    commitment = Commitment(plant, for_choices_s - plant.fixing_s)
    values = Values(plant, commitment)
    values.solve_all()
    valued = time.perf_counter()
    # What on/off choices took comes off the time of every search alike.
    searches = sum(bool(s.following) for s in structures) + len(options.leaders)
    spent_s = (plant.fixing_s + commitment.own_s) / max(searches, 1)
    search_s = max(options.time_limit_s - spent_s, LEAST_S)
    market = _Market(commitment, values, options, search_s)
    found = []
    for k, structure in enumerate(structures):
        message = f"{structure.name} ({k + 1} of {len(structures)})"
        tell(ProgressEvent("structure", message, fraction=0.1 + 0.85 * k / len(structures)))
        found.append(market.run(structure))
    equilibrium = None
    if options.leaders:
        equilibrium = _several(commitment, values, options, search_s, tell)
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
        fixed_gap=plant.fixing_gap,
        backstopped=plant.backstopped,
        warnings=(*of_homes(commitment), *market.doubts),
        wall_s=wall_s,
        versions={"cmgplan": __version__, "solver": plant.solver},
        equilibrium=equilibrium,
    )


def _several(
    commitment: Commitment, values: Values, options: MarketOptions, search_s: float, tell: Tell
) -> Equilibrium:
    """Return several leaders at once, settled at their common prices."""
    case = commitment.whole.case
    leaders, following = parse_leaders(options.leaders, case.ids)
    plant = commitment.plant_of(*leaders, following)
    gap = case.file.market.gap if options.gap is None else options.gap
    sure = sum(values[group] for group in (*leaders, following))
    enough = max(gap * (values[case.ids] - sure), LEAST_SURPLUS)
    name = f"{','.join(joined(group) for group in leaders)}|{joined(following)}"

    def told(number: int, gain: float) -> None:
        message = f"{name}: round {number}, somebody gains up to {gain * plant.unit:.4g}"
        tell(ProgressEvent("leaders", message, fraction=0.95))

    limit_s = search_s * len(leaders)
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
    income = incomes(case, day, price)
    earned = {joined(group): sum(income[home] for home in group) for group in leaders}
    gain = {
        joined(group): max(more, 0.0) * plant.unit
        for group, more in zip(leaders, point.bound, strict=True)
    }
    bound = {name: earned[name] + more for name, more in gain.items()}
    settled = max(gain.values()) <= enough
    return Equilibrium(
        name=name,
        leaders=leaders,
        following=following,
        status="equilibrium" if settled else "none found",
        stopped="gap" if settled else "rounds" if point.stopped == "gap" else point.stopped,
        enough=enough,
        gain=gain,
        bound=bound,
        income=dict(income),
        rounds=point.rounds,
        prices=PriceTable(price, low, high, unique, plant.traded),
        dispatch=day,
        own_choices=commitment.named(*leaders, following),
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
    """Runs structures over one plant and its values, each in up to ``search_s`` seconds.

    ``doubts`` says what was doubtful about those that were run.
    """

    def __init__(
        self, commitment: Commitment, values: Values, options: MarketOptions, search_s: float
    ) -> None:
        self.commitment, self.values, self.options = commitment, values, options
        self._search_s = search_s
        self.doubts: list[str] = []
        self.case = commitment.whole.case
        self.gap = self.case.file.market.gap if options.gap is None else options.gap

    def run(self, structure: Structure) -> StructureResult:
        """Return a structure's result."""
        if not structure.following:
            return self._owned(structure)
        worth = Worth(
            self.values[structure.homes],
            self.values[structure.leading],
            self.values[structure.following],
        )
        led, followed = structure.leading, structure.following
        own, plant = self.commitment.named(led, followed), self.commitment.plant_of(led, followed)
        if self.commitment.own(led) is None:
            settled = self._settled(structure, worth, plant, self._search_s)
            return self._told(structure, settled, worth, own)
        begun = time.perf_counter()
        settled = self._settled(structure, worth, plant, 0.5 * self._search_s)
        left_s = max(self._search_s - (time.perf_counter() - begun), LEAST_S)
        # Leaders may as well make the choices that suit all, if others take what these leave.
        bound, stopped = worth.bound, settled.stopped
        try:
            other = self._settled(structure, worth, self.commitment.plant_of(followed), left_s)
        except LimitError:
            stopped = "time"
        except InfeasibleError:
            bound = settled.bound
        else:
            bound = max(settled.bound, other.bound)
            stopped = max(settled.stopped, other.stopped, key=("gap", "rounds", "time").index)
            if other.leader_income > settled.leader_income:
                settled, own = other, self.commitment.named(followed)
        proven = worth.share(bound - settled.leader_income) <= self.gap
        # Both may keep their own gap and leave more to the greater of their bounds.
        stopped = "gap" if proven else "rounds" if stopped == "gap" else stopped
        status = "optimal" if proven else "feasible"
        settled = replace(settled, bound=bound, status=status, stopped=stopped)
        return self._told(structure, settled, worth, own)

    def _settled(
        self, structure: Structure, worth: Worth, plant: Plant, seconds: float
    ) -> Settlement:
        """Return the settlement of homes whose on/off choices are those of a plant."""
        groups, gap = (plant, structure.leading, structure.following, worth), self.gap
        if self.options.pricing == "bid":
            return Bid(*groups, gap=gap, time_limit_s=seconds).answer()
        return Uniform(
            *groups,
            gap=gap,
            time_limit_s=seconds,
            starter=from_nlp,
            starts_from=0 if self.options.method == "nlp" else MANY_PAIRS,
        ).answer()

    def _told(
        self,
        structure: Structure,
        s: Settlement,
        worth: Worth,
        own: Mapping[str, tuple[int, ...]],
    ) -> StructureResult:
        self.doubts += of_structure(structure, s, worth, self.commitment, self.gap)
        gap = max(s.bound - s.leader_income, 0.0)
        return StructureResult(
            name=structure.name,
            leading=structure.leading,
            following=structure.following,
            status=s.status,
            stopped=s.stopped,
            method=s.method,
            income=s.income,
            leader_income=s.leader_income,
            follower_income=s.follower_income,
            bound=s.bound,
            gap=gap,
            gap_share=worth.share(gap),
            pessimistic_income=s.pessimistic_income,
            optimistic_income=s.optimistic_income,
            prices=PriceTable(s.prices, s.low, s.high, s.unique, self.commitment.whole.traded),
            quantity_kw=s.quantity,
            dispatch=s.dispatch,
            own_choices=own,
            before_shading_kw=s.before,
            wide_hours=s.wide,
            seconds=s.seconds,
        )

    def _owned(self, structure: Structure) -> StructureResult:
        """Return a group that acts as one owner: its value is its income, and its bound."""
        begun = time.perf_counter()
        led = structure.leading
        others = [(home,) for home in self.case.ids if home not in led]
        plant = self.commitment.plant_of(led, *others)
        found, value = owned(plant, led), self.values[led]
        income = sum(found.income.values())
        bound = max(value, income)
        return StructureResult(
            name=structure.name,
            leading=structure.leading,
            following=(),
            status="optimal",
            stopped="gap",
            method="lp",
            income=found.income,
            leader_income=income,
            follower_income=0.0,
            bound=bound,
            gap=bound - income,
            gap_share=0.0,
            pessimistic_income=income,
            optimistic_income=income,
            prices=PriceTable(found.prices, found.low, found.high, found.unique, plant.traded),
            quantity_kw=np.zeros((2, self.case.hours)),
            dispatch=found.dispatch,
            own_choices=self.commitment.named(led),
            seconds={"settle": time.perf_counter() - begun},
        )
