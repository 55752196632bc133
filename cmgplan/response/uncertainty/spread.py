"""Mean and spread of any result of a response day: orthogonal arrays beside random samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Any, Literal

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.errors import InputError
from cmgplan.homes.case.records import HomesCase
from cmgplan.response.heuristics.decoder import Decoder
from cmgplan.response.uncertainty.changed import changed_case, deviations_of
from cmgplan.search.orthogonal import (
    Factor,
    Moments,
    assumed_correlation,
    deviations,
    factors_of,
    latin_hypercube,
    multipliers,
    normal_sample,
    runs_of,
)

Result = Callable[[HomesCase], float]
"""What a case comes to. Several processes can run functions of modules and partials of them."""

Sampling = Literal["normal", "latin"]


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation of a result, and the runs behind them.

    Attributes
    ----------
    design
        Name of the array, or ``normal`` or ``latin`` for random samples.
    factors
        What deviates, by how much and in which hours.
    correlation
        What is assumed of the hours of a quantity, in words.
    runs
        Deviations of each run in standard deviations, shape (runs, factors).
    moments
        Mean, population standard deviation and results of the runs.
    """

    design: str
    factors: tuple[Factor, ...]
    correlation: str
    runs: FloatArray
    moments: Moments

    @property
    def standard_error(self) -> float:
        """Standard error of the mean of as many random samples: sd / sqrt(runs)."""
        return self.moments.sd / float(np.sqrt(len(self.runs)))

    def record(self) -> dict[str, Any]:
        """Return what is told of it, for run.json."""
        return {
            "array": self.design,
            "runs": len(self.runs),
            "mean": self.moments.mean,
            "sd": self.moments.sd,
            "correlation": self.correlation,
            "factors": [
                {"quantity": f.quantity, "sd": f.sd, "hours": [f.begins, f.ends]}
                for f in self.factors
            ],
            "results": self.moments.results.tolist(),
        }


def toat(
    case: HomesCase,
    result: Result,
    array: str = "L9",
    sd: Mapping[str, float] | None = None,
    *,
    blocks: int = 1,
    workers: int = 1,
    told: Callable[[int, int], None] | None = None,
) -> Spread:
    """Return mean and spread of a result by an orthogonal array (Taguchi's array testing).

    Parameters
    ----------
    result
        What a case comes to, such as the profit of its exact answer. A method that draws needs
        the same seed in every case: otherwise its own spread is added.
    array
        ``L4``, ``L8``, ``L9``, ``L16`` or ``L27``.
    sd
        Standard deviation of each quantity as a share; those assumed where it is not given.
    blocks
        Blocks of hours that deviate by themselves; with one, a quantity deviates all day by the
        same share, which is the most that can be assumed.
    workers
        Processes.
    told
        Is called after each run, with its number from 1 and how many there are.

    Raises
    ------
    InputError
        The array has too few columns, a quantity is unknown, or blocks do not divide the day.
    """
    factors = factors_of(deviations_of(case, sd), case.hours, blocks)
    runs = deviations(array, len(factors))
    return _spread(case, result, array, factors, runs, blocks, workers, told)


def sampled(
    case: HomesCase,
    result: Result,
    runs: int,
    sd: Mapping[str, float] | None = None,
    *,
    blocks: int = 1,
    seed: int = 0,
    sampling: Sampling = "normal",
    workers: int = 1,
) -> Spread:
    """Return mean and spread of a result from random deviations; see ``toat``.

    ``normal`` draws independent normal deviations (Monte Carlo), ``latin`` a hypercube of them.
    """
    if runs < 1:
        raise InputError(f"{runs} samples: give 1 or more")
    factors = factors_of(deviations_of(case, sd), case.hours, blocks)
    draw = latin_hypercube if sampling == "latin" else normal_sample
    drawn = draw(runs, len(factors), seed)
    return _spread(case, result, sampling, factors, drawn, blocks, workers)


@dataclass(frozen=True)
class Comparison:
    """Errors of an array and of as many random samples against a large sample.

    Attributes
    ----------
    array, reference
        By the array, and by the large sample.
    mean_error, sd_error
        By design (array, ``normal``, ``latin``): error of the mean in the unit of the result, and
        of the standard deviation as a share. Random designs: root mean square over repetitions.
    """

    array: Spread
    reference: Spread
    mean_error: Mapping[str, float]
    sd_error: Mapping[str, float]


def compared(
    case: HomesCase,
    result: Result,
    array: str = "L9",
    sd: Mapping[str, float] | None = None,
    *,
    blocks: int = 1,
    reference_runs: int = 500,
    repetitions: int = 20,
    seed: int = 0,
    workers: int = 1,
) -> Comparison:
    """Return how far an array and random samples of its budget are from a large sample.

    Worth its time with results that are quick: it runs ``reference_runs`` and two times
    ``repetitions`` times the array's runs.
    """
    by_array = toat(case, result, array, sd, blocks=blocks, workers=workers)
    draw = partial(sampled, case, result, sd=sd, blocks=blocks, workers=workers)
    reference = draw(reference_runs, seed=seed)
    mean_error = {array: by_array.moments.mean - reference.moments.mean}
    sd_error = {array: _relative(by_array.moments.sd, reference.moments.sd)}
    samplings: tuple[Sampling, ...] = ("normal", "latin")
    for sampling in samplings:
        held = [
            draw(runs_of(array), seed=seed + 1 + k, sampling=sampling).moments
            for k in range(repetitions)
        ]
        means = np.array([moments.mean for moments in held]) - reference.moments.mean
        sds = np.array([_relative(moments.sd, reference.moments.sd) for moments in held])
        mean_error[sampling] = float(np.sqrt(np.mean(means**2)))
        sd_error[sampling] = float(np.sqrt(np.mean(sds**2)))
    return Comparison(by_array, reference, mean_error, sd_error)


def _relative(sd: float, reference: float) -> float:
    """Return by what share a deviation is off; 0 where nothing deviates in the reference."""
    return sd / reference - 1.0 if reference > 0.0 else 0.0


def value_of_point(point: FloatArray, case: HomesCase) -> float:
    """Return the profit of one fixed plan, a decoder's point, in a case other than planned for.

    The decoder takes what the plan wishes as far as the case allows, so that heat and electricity
    that the plan lacks come from boilers and the retailer.
    """
    losses, _ = Decoder(case)(np.atleast_2d(point))
    return -float(losses[0])


def _spread(
    case: HomesCase,
    result: Result,
    design: str,
    factors: tuple[Factor, ...],
    runs: FloatArray,
    blocks: int,
    workers: int,
    told: Callable[[int, int], None] | None = None,
) -> Spread:
    """Return the spread over runs of given deviations."""
    one = partial(_one, case, result, factors)
    results = np.empty(len(runs))
    for k, value in enumerate(_results(one, runs, workers)):
        results[k] = value
        if told is not None:
            told(k + 1, len(runs))
    moments = Moments.of(results)
    return Spread(design, factors, assumed_correlation(blocks, case.hours), runs, moments)


def _one(
    case: HomesCase, result: Result, factors: Sequence[Factor], deviation: FloatArray
) -> float:
    """Return the result of one run."""
    return result(changed_case(case, multipliers(deviation, factors, case.hours)))


def _results(one: Callable[[FloatArray], float], runs: FloatArray, workers: int) -> Iterator[float]:
    """Yield the results of runs in their order, by one process or several."""
    workers = min(workers, len(runs))
    if workers <= 1:
        yield from map(one, runs)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(one, runs)
