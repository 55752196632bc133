"""Sharing a quantity among many: in proportion, and by rating up to limits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cmgplan.arrays import FloatArray, IntArray


class Groups:
    """A partition of units into groups that trade; arrays have units first.

    Parameters
    ----------
    groups
        Positions of the units of each group; every unit is in one of them.
    """

    def __init__(self, groups: Sequence[Sequence[int]]) -> None:
        self.groups = tuple(tuple(group) for group in groups)
        self.count = len(self.groups)
        units = sum(len(group) for group in self.groups)
        self.of_unit: IntArray = np.zeros(units, dtype=np.int64)
        for g, group in enumerate(self.groups):
            self.of_unit[list(group)] = g
        self._member = np.zeros((self.count, units))
        self._member[self.of_unit, np.arange(units)] = 1.0

    def sums(self, values: FloatArray) -> FloatArray:
        """Return the sum of each group of values by unit, shape (G, ...)."""
        return np.asarray(self._member @ values)

    def apiece(self, sums: FloatArray) -> FloatArray:
        """Return the value of its group for every unit, shape (S, ...)."""
        return np.asarray(sums[self.of_unit])


def singles(units: int) -> Groups:
    """Return the partition in which every unit is alone."""
    return Groups([[s] for s in range(units)])


def in_proportion(quantity: FloatArray, weight: FloatArray, of: IntArray) -> FloatArray:
    """Return the parts of each group's quantity in proportion to weights, plain eq. (4).

    Parameters
    ----------
    quantity
        By group, shape (G, ...).
    weight
        By member, shape (N, ...); a group whose weights are 0 gets nothing.
    of
        Group of each member, shape (N,).
    """
    total = np.zeros(quantity.shape)
    np.add.at(total, of, weight)
    rate = np.divide(quantity, total, out=np.zeros(quantity.shape), where=total > 0.0)
    return np.asarray(weight * rate[of])


def share(
    quantity: FloatArray, weight: FloatArray, limit: FloatArray, of: IntArray | None = None
) -> FloatArray:
    """Return the parts of a quantity by weight, none over its limit: eq. (4) with limits.

    Whoever reaches its limit is fixed there and the rest is shared again (water-filling), so
    that nothing is left over as long as anybody has room: part_i = min(limit_i, rate * weight_i)
    with one rate for all of a group.

    Parameters
    ----------
    quantity
        By group, shape (G,); of one group where ``of`` is left out, shape (1,).
    weight, limit
        By member, shape (N,).
    of
        Group of each member, shape (N,).
    """
    of = np.zeros(len(weight), dtype=np.int64) if of is None else of
    count = len(quantity)
    part, left = np.zeros(len(weight)), np.asarray(quantity, dtype=np.float64)
    unfilled = (limit > 0.0) & (weight > 0.0)
    while unfilled.any():
        total = np.bincount(of, weight * unfilled, count)
        rate = np.divide(left, total, out=np.zeros(count), where=total > 0.0)
        wanted = weight * rate[of]
        full = unfilled & (wanted >= limit)
        if not full.any():
            return np.where(unfilled, wanted, part)
        part = np.where(full, limit, part)
        left = np.maximum(left - np.bincount(of, limit * full, count), 0.0)
        unfilled &= ~full
    return part
