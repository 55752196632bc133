"""Which configuration in which block of hours, with a limit of switch operations in between."""

from __future__ import annotations

import numpy as np

from cmgplan.arrays import BoolArray, FloatArray, IntArray


def best_sequence(
    losses: FloatArray, states: BoolArray, operations: int | None
) -> tuple[float, list[int]]:
    """Return the sequence of configurations of least loss, one for each block.

    An exact dynamic program over the block, the configuration and the operations used so far.

    Parameters
    ----------
    losses
        Of each block and configuration, shape (K, N); infinite where one breaks limits.
    states
        Closed branches of each configuration, shape (N, l).
    operations
        Most changes of switches between the blocks together; None where there is no limit.

    Returns
    -------
    tuple
        The loss, infinite where there is no such sequence, and the configurations.
    """
    blocks = len(losses)
    if operations is None:
        chosen = losses.argmin(axis=1)
        return float(losses.min(axis=1).sum()), [int(n) for n in chosen]
    between = distances(states)
    allowed = min(operations, int(between.max(initial=0)) * (blocks - 1))
    # value[u, n]: least loss so far with at most u operations, ending in n.
    value = np.tile(losses[0], (allowed + 1, 1))
    came: list[IntArray] = []
    every = np.arange(len(states))[:, None]
    for k in range(1, blocks):
        new = np.full_like(value, np.inf)
        origin = np.zeros(value.shape, dtype=np.int64)
        for used in range(allowed + 1):
            left = used - between  # operations left to the blocks before, by origin and end
            before = np.where(left >= 0, value[np.maximum(left, 0), every], np.inf)
            origin[used] = before.argmin(axis=0)
            new[used] = before.min(axis=0) + losses[k]
        came.append(origin)
        value = new
    end, used = int(value[allowed].argmin()), allowed
    total, sequence = float(value[allowed, end]), [end]
    for origin in reversed(came):
        before_end = int(origin[used, end])
        used -= int(between[before_end, end])
        end = before_end
        sequence.append(end)
    return total, sequence[::-1]


def distances(states: BoolArray) -> IntArray:
    """Return the switches in which each two configurations differ, shape (N, N)."""
    s = states.astype(np.int64)
    ones = s.sum(axis=1)
    return np.asarray(ones[:, None] + ones[None, :] - 2 * (s @ s.T), dtype=np.int64)
