"""Methods run many times on a case: what each is worth, and how far its answers spread."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.errors import InfeasibleError, InputError
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.response.heuristics.decoder import Decoder
from cmgplan.response.heuristics.genes import Encoding
from cmgplan.response.model.statistics import statistics_of
from cmgplan.search.heuristics.methods import method_of
from cmgplan.search.heuristics.protocol import NO_BREACH, POPULATION, Question

EVALUATIONS = 5000
"""Budget of the paper: 50 points by 100 iterations."""


@dataclass(frozen=True)
class Run:
    """One run of one method.

    Attributes
    ----------
    method, number
        Name of the method, and number of the run from 0.
    profit
        Best profit, currency; of a day that misses its limits, minus infinity.
    evaluations
        Points evaluated.
    point
        Best point, shape (D,).
    history, best
        After each generation: evaluations so far, and the best profit (NaN before any day kept
        all limits).
    wall_s
        Time that the run took.
    """

    method: str
    number: int
    profit: float
    evaluations: int
    point: FloatArray
    history: FloatArray
    best: FloatArray
    wall_s: float


@dataclass(frozen=True)
class MethodRuns:
    """All runs of a method, in the order of their numbers."""

    method: str
    runs: tuple[Run, ...]

    @property
    def profits(self) -> FloatArray:
        """Best profit of each run, currency, shape (runs,)."""
        return np.array([run.profit for run in self.runs])

    @property
    def best(self) -> Run:
        """The run of the greatest profit."""
        return self.runs[int(np.argmax(self.profits))]

    def statistics(self, bound: float | None = None) -> dict[str, float]:
        """Return the statistics of Table 1 over the runs.

        Those of ``statistics_of``, with ``wall_s``, the mean time of a run; ``gap_mean`` with a
        bound alone.
        """
        return {
            "runs": len(self.runs),
            "evaluations": self.runs[0].evaluations,
            **statistics_of(self.profits, bound),
            "wall_s": float(np.mean([run.wall_s for run in self.runs])),
        }


def run_methods(
    case: HomesCase,
    methods: Sequence[str],
    runs: int = 1,
    evaluations: int = EVALUATIONS,
    seed: int = 0,
    *,
    start: Dispatch | None = None,
    workers: int = 1,
    encoding: Encoding = "direct",
    population: int = POPULATION,
    told: Callable[[Run], None] | None = None,
) -> dict[str, MethodRuns]:
    """Run methods on a case and return all runs by method.

    Every method has the same budget, and run by run the same seed, hence the same initial
    population. The answer does not depend on the number of workers.

    Parameters
    ----------
    methods
        Names: ``de``, ``bat``, ``pso``, and ``climb``, the control.
    runs, evaluations
        Runs of each method, and the budget of a run, its initial population counted.
    start
        A day that every run starts from as well, such as that of the rules.
    workers
        Processes.
    told
        Is called after each run.

    Raises
    ------
    InputError
        There is no such method, or fewer than one run or evaluation.
    InfeasibleError
        A device cannot keep its own limits, or no run found a day that keeps all.
    """
    if runs < 1:
        raise InputError(f"{runs} runs: give 1 or more")
    for name in methods:
        method_of(name)
    point = None if start is None else _point_of(case, start, encoding)
    jobs = [(name, number) for name in dict.fromkeys(methods) for number in range(runs)]
    one = partial(one_run, case, evaluations, seed, point, encoding, population)
    found: dict[str, list[Run]] = {name: [] for name, _ in jobs}
    for run in _done(one, jobs, workers):
        found[run.method].append(run)
        if told is not None:
            told(run)
    for name, held in found.items():
        if not any(np.isfinite(run.profit) for run in held):
            raise InfeasibleError(
                f"{name}: no day that it tried keeps all limits; give it more evaluations, or "
                "raise the limits of trade (power_max_kw, power_max_total_kw) and of plants of heat"
            )
    return {name: MethodRuns(name, tuple(held)) for name, held in found.items()}


def one_run(
    case: HomesCase,
    evaluations: int,
    seed: int,
    start: FloatArray | None,
    encoding: Encoding,
    population: int,
    job: tuple[str, int],
) -> Run:
    """Return one run of a method: ``job`` is its name and the number of the run."""
    begun = time.perf_counter()
    name, number = job
    decoder = Decoder(case, encoding)
    if not decoder.dimensions:
        return _only_day(decoder, name, number, begun)
    question = Question.on_unit_cube(decoder, decoder.dimensions)
    own = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    found = method_of(name)(question, evaluations, own, start, population)
    profit = -found.value if found.breach <= NO_BREACH else -np.inf
    return Run(
        name,
        number,
        profit,
        found.evaluations,
        found.x,
        found.history,
        -found.best,
        time.perf_counter() - begun,
    )


def _only_day(decoder: Decoder, name: str, number: int, begun: float) -> Run:
    """Return the run of a case that leaves nothing to decide: its one day."""
    losses, breaches = decoder(np.zeros((1, 0)))
    kept = breaches[0] <= NO_BREACH
    profit = -float(losses[0]) if kept else -np.inf
    history, best = np.ones(1), np.array([profit if kept else np.nan])
    took = time.perf_counter() - begun
    return Run(name, number, profit, 1, np.zeros(0), history, best, took)


def _point_of(case: HomesCase, start: Dispatch, encoding: Encoding) -> FloatArray:
    """Return the point of a day to start from."""
    if encoding != "direct":
        raise InputError("a start is a schedule, which feedback cannot hold: use the direct one")
    return Decoder(case).encode(start)


def _done(
    one: Callable[[tuple[str, int]], Run], jobs: Sequence[tuple[str, int]], workers: int
) -> Iterator[Run]:
    """Yield the runs in their order, by one process or several."""
    workers = min(workers, len(jobs))
    if workers <= 1:
        yield from map(one, jobs)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(one, jobs)


def convergence(runs: Mapping[str, MethodRuns]) -> list[dict[str, object]]:
    """Return the rows of ``convergence.csv``: method, run, evaluations, best."""
    return [
        {"method": name, "run": run.number, "evaluations": int(n), "best": float(best)}
        for name, held in runs.items()
        for run in held.runs
        for n, best in zip(run.history, run.best, strict=True)
    ]
