"""Choice of a compromise among solutions: fuzzy memberships and the max-min rule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cmgplan.arrays import FloatArray
from cmgplan.errors import InputError


@dataclass(frozen=True)
class FuzzyChoice:
    """The compromise and how satisfied every objective is with every row.

    Attributes
    ----------
    row
        Position of the chosen row, from 0.
    mu_min
        Least membership of the chosen row, 0..1.
    memberships
        Shape (rows, objectives); NaN in rows without values.
    """

    row: int
    mu_min: float
    memberships: FloatArray

    @property
    def row_mu_min(self) -> FloatArray:
        """Least membership of every row, shape (rows,); NaN in rows without values."""
        least: FloatArray = self.memberships.min(axis=1)
        return least


def memberships(values: npt.ArrayLike) -> FloatArray:
    """Return the membership of every row in every minimised objective, eq. (40).

    1 at the objective's least value, 0 at its greatest, straight in between; the ends are those
    of the rows given. An objective that is the same in all rows satisfies everyone: 1. A row
    that lacks any objective (NaN) counts for nothing and gets NaN throughout.

    Parameters
    ----------
    values
        Objectives to be minimised, shape (rows, objectives).

    Notes
    -----
    The third case of eq. (40) is misprinted; it is 0 from the greatest value on.
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2:
        raise ValueError(f"values must be rows x objectives, not of shape {table.shape}")
    mu = np.full(table.shape, np.nan)
    held = np.isfinite(table).all(axis=1)
    if not held.any():
        return mu
    low, high = table[held].min(axis=0), table[held].max(axis=0)
    span = high - low
    constant = span == 0.0
    share = (high - table[held]) / np.where(constant, 1.0, span)
    mu[held] = np.where(constant, 1.0, share)
    return mu


def choose(values: npt.ArrayLike) -> FuzzyChoice:
    """Return the row whose least membership is greatest, eq. (41); the first of equals.

    Raises
    ------
    InputError
        If no row has a value for every objective.
    """
    mu = memberships(values)
    least = mu.min(axis=1) if mu.size else np.empty(0)
    if not np.isfinite(least).any():
        raise InputError("no row has a value for every objective, so there is nothing to choose")
    row = int(np.nanargmax(least))
    return FuzzyChoice(row=row, mu_min=float(least[row]), memberships=mu)
