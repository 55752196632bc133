"""Orthogonal arrays: mean and spread of a result from a few runs with factors at set levels.

Taguchi's orthogonal array testing. Every column of an array is balanced and every pair of columns
holds each pair of levels equally often (strength 2), so that a response that is linear in the
factors gets its mean and its variance exactly. With levels and weights as here that is so for
any array: two levels at -+ one standard deviation, three at 0 and -+ sqrt(3/2), equal weights and
the population's standard deviation (Genichi Taguchi, Introduction to Quality Engineering, 1986).
Products of two factors may lie in the column of a third: see ``strength``.

Knows nothing of what the factors are.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from cmgplan.arrays import FloatArray, IntArray
from cmgplan.errors import InputError

ARRAYS = {"L4": (2, 2), "L8": (2, 3), "L9": (3, 2), "L16": (2, 4), "L27": (3, 3)}
"""By name: levels q (a prime) and independent columns k; an array has q^k runs."""

LEVELS = {2: (-1.0, 1.0), 3: (-np.sqrt(1.5), 0.0, np.sqrt(1.5))}
"""Deviations in standard deviations: equally weighted they have mean 0 and variance 1."""


@dataclass(frozen=True)
class Moments:
    """Mean and population standard deviation of the results of runs, shape (runs,)."""

    mean: float
    sd: float
    results: FloatArray

    @classmethod
    def of(cls, results: FloatArray) -> Moments:
        """Return the moments of equally weighted results.

        The population's standard deviation is exact for a linear response; that of a sample
        would be too large by sqrt(n / (n - 1)).
        """
        values = np.asarray(results, dtype=np.float64)
        return cls(float(values.mean()), float(values.std(ddof=0)), values)


@dataclass(frozen=True)
class Factor:
    """A quantity that is uncertain over some steps, all of which deviate together.

    Attributes
    ----------
    quantity
        What deviates.
    sd
        Standard deviation, as a share of the quantity.
    begins, ends
        Steps [begins, ends) that the factor holds for.
    """

    quantity: str
    sd: float
    begins: int
    ends: int


def runs_of(name: str) -> int:
    """Return the number of runs of an array."""
    levels, independent = _shape(name)
    return int(levels**independent)


def most_factors(name: str) -> int:
    """Return the number of factors that an array has columns for: (q^k - 1) / (q - 1)."""
    levels, independent = _shape(name)
    return int((levels**independent - 1) // (levels - 1))


def orthogonal_array(name: str, factors: int) -> IntArray:
    """Return the levels 0..q-1 of factors in each run, shape (runs, factors).

    The rows are the vectors of GF(q)^k, a column is their product with a vector of its own, no
    two of which are multiples of each other. Columns are taken so that products of two factors
    stay out of the columns of single factors for as many factors as the array allows.

    Raises
    ------
    InputError
        There is no such array, or it has too few columns.
    """
    levels, independent = _shape(name)
    if not 1 <= factors <= most_factors(name):
        wide = [n for n in ARRAYS if most_factors(n) >= factors]
        mend = f"take {' or '.join(wide)}" if wide else "take fewer factors or longer blocks"
        raise InputError(
            f"{name} has columns for 1 to {most_factors(name)} factors and not {factors}: {mend}, "
            "or let quantities that move together share a factor"
        )
    rows = np.array(list(itertools.product(range(levels), repeat=independent)), dtype=np.int64)
    return np.asarray(rows @ _generators(levels, independent, factors).T % levels)


def deviations(name: str, factors: int) -> FloatArray:
    """Return the deviations of factors in each run, in standard deviations, (runs, factors)."""
    levels = np.asarray(LEVELS[_shape(name)[0]])
    return np.asarray(levels[orthogonal_array(name, factors)])


def strength(array: IntArray) -> int:
    """Return the strength of an array of levels: 0, 1, 2 or 3.

    Any so many columns hold every combination of levels equally often. At strength 2 the product
    of two factors can be told as the effect of a third; at strength 3 it cannot.
    """
    levels, found = int(array.max()) + 1, 0
    for size in range(1, min(3, array.shape[1]) + 1):
        for columns in itertools.combinations(range(array.shape[1]), size):
            code = array[:, columns] @ levels ** np.arange(size)
            if np.ptp(np.bincount(code, minlength=levels**size)) > 0:
                return found
        found = size
    return found


def normal_sample(runs: int, factors: int, seed: int) -> FloatArray:
    """Return independent normal deviations in standard deviations, shape (runs, factors)."""
    return np.random.default_rng(seed).standard_normal((runs, factors))


def latin_hypercube(runs: int, factors: int, seed: int) -> FloatArray:
    """Return normal deviations, one in each of ``runs`` equally likely intervals of a factor.

    Shape (runs, factors); McKay, Beckman and Conover, Technometrics 21, 1979, 239-245.
    """
    rng = np.random.default_rng(seed)
    cells = np.column_stack([rng.permutation(runs) for _ in range(factors)])
    share = (cells + rng.uniform(size=(runs, factors))) / runs
    return np.asarray(ndtri(np.clip(share, 1e-12, 1.0 - 1e-12)))


def factors_of(sd: Mapping[str, float], steps: int, blocks: int = 1) -> tuple[Factor, ...]:
    """Return a factor for every quantity and block of steps, blocks of equal length.

    Raises
    ------
    InputError
        The steps do not divide into so many blocks, or a deviation is negative.
    """
    if blocks < 1 or steps % blocks != 0:
        fits = [n for n in range(1, steps + 1) if steps % n == 0]
        raise InputError(f"{steps} steps do not divide into {blocks} blocks: take one of {fits}")
    if wrong := [name for name, value in sd.items() if not 0.0 <= value < np.inf]:
        raise InputError(f"the deviation of {wrong[0]} is {sd[wrong[0]]:g}: give 0 or more")
    length = steps // blocks
    return tuple(
        Factor(name, value, k * length, (k + 1) * length)
        for name, value in sd.items()
        for k in range(blocks)
    )


def assumed_correlation(blocks: int, steps: int) -> str:
    """Return in words what correlation over time a choice of blocks assumes."""
    if blocks == 1:
        return f"all {steps} steps of a quantity deviate by the same share (correlation 1)"
    return (
        f"the {steps // blocks} steps of a block deviate by the same share (correlation 1), "
        f"the {blocks} blocks of a quantity independently (correlation 0)"
    )


def multipliers(
    deviation: FloatArray, factors: Sequence[Factor], steps: int
) -> dict[str, FloatArray]:
    """Return by quantity what one run multiplies it with in each step, shape (steps,).

    ``deviation`` holds the deviations of the factors in standard deviations. Nothing becomes
    negative.
    """
    found: dict[str, FloatArray] = {}
    for factor, by_sd in zip(factors, deviation, strict=True):
        series = found.setdefault(factor.quantity, np.ones(steps))
        series[factor.begins : factor.ends] = max(1.0 + factor.sd * float(by_sd), 0.0)
    return found


def moments(runs: FloatArray, evaluate: Callable[[FloatArray], float]) -> Moments:
    """Return mean and standard deviation of a result over runs.

    Parameters
    ----------
    runs
        Deviations, shape (runs, factors).
    evaluate
        Result of one run from its deviations, shape (factors,).
    """
    return Moments.of(np.array([evaluate(run) for run in runs], dtype=np.float64))


def _shape(name: str) -> tuple[int, int]:
    if name not in ARRAYS:
        raise InputError(f"there is no array {name}: take one of {', '.join(ARRAYS)}")
    return ARRAYS[name]


def _generators(levels: int, independent: int, factors: int) -> IntArray:
    """Return the vectors of GF(q)^k of the first columns, shape (factors, k)."""
    unit = [tuple(int(k == j) for k in range(independent)) for j in range(independent)]
    whole = (1,) * independent
    if factors <= independent + 1:
        return np.array([*unit, whole][:factors], dtype=np.int64)
    # One of each set of multiples: the first entry that is not 0 is 1.
    points = [
        point
        for point in itertools.product(range(levels), repeat=independent)
        if next((entry for entry in point if entry), 0) == 1
    ]
    if levels == 2 and factors <= 2 ** (independent - 1):
        points = [point for point in points if sum(point) % 2 == 1]  # strength 3
    chosen = [*unit, *(p for p in (whole, *points) if p in points and p not in unit)]
    return np.array(list(dict.fromkeys(chosen))[:factors], dtype=np.int64)
