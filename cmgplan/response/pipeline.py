"""Demand response from its case to a result: the exact answer, other methods, their markets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.errors import CaseError, InfeasibleError, LimitError, SolverError
from cmgplan.homes.accounts.ledger import Carrier
from cmgplan.homes.case.optimised import not_for_rules
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.plurals import counted
from cmgplan.progress import ProgressEvent, telling
from cmgplan.response.case.check import check_response, require_response
from cmgplan.response.compared.variants import Compared, compared
from cmgplan.response.exact.answer import ExactAnswer, ExactOptions
from cmgplan.response.exact.prices import by_forecast, priced
from cmgplan.response.exact.solve import solve_exact
from cmgplan.response.heuristics.decoder import Decoder
from cmgplan.response.heuristics.runs import Run, run_methods
from cmgplan.response.market.crossing import given_bids
from cmgplan.response.market.day import MarketDay, market_of
from cmgplan.response.model.profit import objectives_of, profit_of
from cmgplan.response.result import (
    SEARCHES,
    MethodName,
    MethodResult,
    MethodRun,
    ResponseOptions,
    ResponseResult,
)
from cmgplan.response.rules.day import run_rules
from cmgplan.response.uncertainty.changed import deviations_of
from cmgplan.response.uncertainty.happened import drawn_day
from cmgplan.response.uncertainty.replan import by_exact
from cmgplan.response.uncertainty.rolling import foresight
from cmgplan.response.uncertainty.spread import compared as against_samples
from cmgplan.response.uncertainty.spread import toat, value_of_point
from cmgplan.search.orthogonal import deviations
from cmgplan.version import __version__

Tell = Callable[[ProgressEvent], None]

T = TypeVar("T")

DECIMALS = 9
"""Decimals of prices."""


@dataclass(frozen=True)
class _Found:
    """A day that a method found, before its market."""

    runs: tuple[MethodRun, ...]
    dispatch: Dispatch
    wall_s: float
    status: str = "found"


def run_response(
    case: HomesCase, options: ResponseOptions | None = None, progress: Tell | None = None
) -> ResponseResult:
    """Run a case of demand response by the methods asked for, and the exact answer.

    Raises
    ------
    InputError
        The array has too few columns for what deviates in the case.
    CaseError
        The case cannot be run so: an Emax that an engine cannot keep, a car that cannot be
        charged, bids that are wrong; all faults at once.
    InfeasibleError
        No day keeps all limits; the message says which would have to give.
    LimitError, SolverError
        The exact answer was not found.
    """
    return _Run(case, options or ResponseOptions(), telling(progress)).result()


class _Run:
    """One run, stage by stage."""

    def __init__(self, case: HomesCase, options: ResponseOptions, tell: Tell) -> None:
        self.case, self.options, self.tell = case, options, tell
        self.warnings: list[str] = []
        self.wall_s: dict[str, float] = {}

    def result(self) -> ResponseResult:
        """Return the result."""
        begun, case, options = time.perf_counter(), self.case, self.options
        require_response(case)
        self._refuse_unkept()
        self.warnings += [str(fault) for fault in check_response(case)]
        if case.file.response.bids == "bids.csv":
            given_bids(case)  # faults are told before any work is spent
        if options.toat is not None:
            deviations(options.toat, len(deviations_of(case)))
        answer = self._timed("exact", 0.0, self._exact)
        bound = answer.profit.total if answer.bound is None else answer.bound
        found = self._timed("methods", 0.3, lambda: dict(self._methods(answer)))
        methods = self._timed(
            "market", 0.6, lambda: {name: self._method(name, f) for name, f in found.items()}
        )
        variants = self._timed("compared", 0.7, self._compared) if options.compare else {}
        spread = None
        if options.toat is not None:
            spread = self._timed(
                "toat", 0.85, lambda: self._found("toat", lambda: self._spread(answer.dispatch))
            )
        rolled = None
        if options.rolling is not None:
            rolled = self._timed("rolling", 0.9, lambda: self._found("rolling", self._foresight))
        self.wall_s["total"] = time.perf_counter() - begun
        return ResponseResult(
            case=case,
            options=options,
            methods=methods,
            bound=max([bound, *(method.profit.total for method in methods.values())]),
            compared=variants,
            toat=spread,
            rolling=rolled,
            warnings=tuple(self.warnings),
            wall_s=self.wall_s,
            versions={"cmgplan": __version__, "solver": answer.solver},
        )

    def _refuse_unkept(self) -> None:
        """Raise CaseError where the rules or the searches cannot keep what the case asks for.

        Searches, plans under uncertainty and days planned anew are decoded by rules too.
        """
        options = self.options
        others = {str(name) for name in options.methods} - {"exact"}
        if options.toat is not None or options.rolling is not None:
            others.add("exact")
        faults = list(not_for_rules(self.case, "any method but the exact one")) if others else []
        if faults:
            raise CaseError(faults)

    def _timed(self, stage: str, share: float, work: Callable[[], T]) -> T:
        """Return what a stage gives, and note the time that it took."""
        self.tell(ProgressEvent(stage, f"{STAGES[stage]}", fraction=share))
        begun = time.perf_counter()
        given = work()
        self.wall_s[stage] = time.perf_counter() - begun
        return given

    def _exact(self) -> ExactAnswer:
        asked = ExactOptions(gap=self.options.gap, time_limit_s=self.options.time_limit_s)
        return solve_exact(self.case, asked)

    def _methods(self, answer: ExactAnswer) -> Iterator[tuple[MethodName, _Found]]:
        """Yield the day of every method, the exact answer first."""
        profit = answer.profit.total
        yield "exact", _Found(_once(0, profit), answer.dispatch, answer.wall_s, answer.status)
        rules: Dispatch | None = None
        if "rules" in self.options.methods or self.options.start:
            begun = time.perf_counter()
            rules = run_rules(self.case)
            took = time.perf_counter() - begun
            if "rules" in self.options.methods:
                profit = profit_of(self.case, rules).total
                yield "rules", _Found(_once(1, profit), rules, took)
        searches = [name for name in SEARCHES if name in self.options.methods]
        if searches:
            yield from self._searches(searches, rules)

    def _searches(
        self, names: list[MethodName], start: Dispatch | None
    ) -> Iterator[tuple[MethodName, _Found]]:
        """Yield the best day of every method that searches, with all its runs."""
        options, case = self.options, self.case
        count = len(names) * options.runs
        done = iter(range(1, count + 1))

        def told(run: Run) -> None:
            k = next(done)
            message = f"{run.method}, run {run.number + 1} ({k} of {count}): {run.profit:.4g}"
            share = 0.3 + 0.3 * k / count
            self.tell(ProgressEvent("methods", message, fraction=share))

        found = run_methods(
            case,
            names,
            options.runs,
            options.evaluations,
            options.seed,
            start=start if options.start else None,
            workers=options.workers,
            told=told,
        )
        for name in names:
            held = found[name]
            lost = sum(not np.isfinite(run.profit) for run in held.runs)
            if lost:
                self.warnings.append(
                    f"{name}: {counted(lost, 'run')} found no day that keeps all limits"
                )
            runs = tuple(MethodRun(run.history, run.best) for run in held.runs)
            day = Decoder(case).dispatch(held.best.point)
            yield name, _Found(runs, day, float(np.mean([run.wall_s for run in held.runs])))

    def _method(self, name: MethodName, found: _Found) -> MethodResult:
        """Return the day of a method with its market."""
        market = self._market(name, found.dispatch)
        return MethodResult(
            runs=found.runs,
            dispatch=found.dispatch,
            profit=profit_of(self.case, found.dispatch),
            objectives=objectives_of(
                self.case, found.dispatch, market.price["electricity"], market.price["heat"]
            ),
            market=market,
            wall_s=found.wall_s,
            status=found.status,
        )

    def _market(self, name: MethodName, dispatch: Dispatch) -> MarketDay:
        """Return the market of a day, its prices with as many digits as tables keep.

        A day whose on/off choices leave the program without an answer has no duals; it is priced
        by the forecast, and told of.
        """
        case = self.case
        try:
            found = priced(case, dispatch)
        except SolverError as error:
            self.warnings.append(f"{name}: priced by the forecast, {error}")
            found = by_forecast(case)
        return market_of(
            case,
            dispatch,
            _kept(found.of_pool),
            _kept(found.low),
            _kept(found.high),
            _kept(found.of_home),
            self.options.seed,
        )

    def _found(self, name: str, work: Callable[[], T]) -> T | None:
        """Return what work gives; a warning and None where one of its days has no answer.

        What was found before is not lost for it.
        """
        try:
            return work()
        except (InfeasibleError, LimitError, SolverError) as error:
            self.warnings.append(f"{name}: a day had no answer, so that nothing is told: {error}")
            return None

    def _spread(self, day: Dispatch) -> dict[str, Any]:
        """Return what uncertainty does to the exact answer, and to its day as a fixed plan.

        Against random samples stands the fixed plan, whose value is quick to work out.
        """
        options, case = self.options, self.case
        array = str(options.toat)
        plan = partial(value_of_point, Decoder(case).encode(day))
        tried = against_samples(case, plan, array, seed=options.seed, workers=options.workers)
        optimum = partial(_exact_profit, options.gap, options.time_limit_s)

        def told(k: int, count: int) -> None:
            share = 0.85 + 0.05 * k / count
            message = f"row {k} of {count} planned knowing it"
            self.tell(ProgressEvent("toat", message, fraction=share))

        foresight = toat(case, optimum, array, workers=options.workers, told=told)
        return {
            "exact": foresight.record(),
            "plan": tried.array.record(),
            "reference": {
                "runs": len(tried.reference.runs),
                "mean": tried.reference.moments.mean,
                "sd": tried.reference.moments.sd,
                "standard_error": tried.reference.standard_error,
            },
            "mean_error": dict(tried.mean_error),
            "sd_error": dict(tried.sd_error),
        }

    def _foresight(self) -> dict[str, Any]:
        """Return what a drawn day comes to planned once, replanned every hour, and foreseen."""
        options, case, ahead = self.options, self.case, self.options.rolling or 0

        def told(hour: int) -> None:
            share = 0.9 + 0.1 * (hour + 1) / case.hours
            message = f"planned anew in hour {hour} ({hour + 1} of {case.hours})"
            self.tell(ProgressEvent("rolling", message, fraction=share))

        day = drawn_day(case, options.seed)
        plan = by_exact(options.gap, options.time_limit_s)
        return {
            "ahead_h": ahead,
            "seed": options.seed,
            **foresight(day, plan, ahead, told).record(),
        }

    def _compared(self) -> dict[str, Compared]:
        """Return the variants; a warning in place of one that has no answer."""

        def told(name: str) -> None:
            self.tell(ProgressEvent("compared", f"the same homes, {name}", fraction=0.7))

        try:
            return dict(compared(self.case, self.options.gap, self.options.time_limit_s, told))
        except (InfeasibleError, LimitError, SolverError) as error:
            self.warnings.append(f"nothing to compare with: {error}")
            return {}


def _kept(prices: Mapping[Carrier, FloatArray]) -> dict[Carrier, FloatArray]:
    """Return prices with the digits that tables keep."""
    return {carrier: np.round(values, DECIMALS) + 0.0 for carrier, values in prices.items()}


def _exact_profit(gap: float, time_limit_s: float, case: HomesCase) -> float:
    """Return the profit of the exact answer of a case."""
    return solve_exact(case, ExactOptions(gap=gap, time_limit_s=time_limit_s)).profit.total


STAGES = {
    "exact": "solving the day of all homes",
    "methods": "running the other methods",
    "market": "clearing the market",
    "compared": "running the same homes with less flexibility",
    "toat": "trying the plan under uncertainty",
    "rolling": "planning the day anew every hour",
}
"""What is told of each stage."""


def _once(evaluations: int, profit: float) -> tuple[MethodRun, ...]:
    """Return the single run of a method without a search."""
    return (MethodRun(np.array([float(evaluations)]), np.array([profit])),)
