"""Blocks of hours by which the search decomposes Level 4.

Where switch operations are free, binaries couple no hours, and each hour is a block. Where they
are counted, single hours leave a duality gap: each may mix the same topologies at the same weights,
which counts no operation although no schedule does so. In a block of several hours positions are
binary from hour to hour; weights may mix across its ends alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from cmgplan.arrays import IntArray
from cmgplan.planning.switch_search.tuning import TUNING
from cmgplan.solve import LinearProblem
from cmgplan.solve.blocks.problem import GLOBAL


def single_hours(hours: int) -> list[range]:
    """Return a block for each hour."""
    return [range(t, t + 1) for t in range(hours)]


def blocks_of_hours(may_close: Iterable[tuple[str, int]], hours: int) -> list[range]:
    """Cut the horizon where the fewest switches may be closed on both sides of the cut.

    ``may_close`` are switches with the hours in which they may close: one that must be open beside
    a cut couples nothing across it. No block of several hours has more than
    ``TUNING.effort.block_binaries`` positions; of equal cuts the most even ones are taken.
    """
    may: list[set[str]] = [set() for _ in range(hours)]
    for switch, t in may_close:
        may[t].add(switch)
    best: list[tuple[int, int, list[range]]] = [(0, 0, [])]
    for end in range(1, hours + 1):
        tried: list[tuple[int, int, list[range]]] = []
        for begin in range(end):
            size = sum(len(here) for here in may[begin:end])
            if size <= TUNING.effort.block_binaries or begin == end - 1:
                coupled, uneven, before = best[begin]
                cut = 1 + len(may[begin - 1] & may[begin]) if begin else 0
                part = [*before, range(begin, end)]
                tried.append((coupled + cut, uneven + size**2, part))
        best.append(min(tried, key=lambda entry: entry[:2]))
    return best[hours][2]


def block_of_columns(problem: LinearProblem, hours: Sequence[range]) -> IntArray:
    """Return the block of each column of Level 4.

    The objectives link the blocks, and energy stored at the end of a block's last hour.
    """
    block = {t: k for k, part in enumerate(hours) for t in part}
    last = {part[-1] for part in hours}
    found = np.full(problem.n, GLOBAL, dtype=np.int64)
    for k, variable in enumerate(problem.variables):
        index = variable.index()
        t = index[-1] if isinstance(index, tuple) else index
        stored = variable.parent_component().local_name == "soc"
        if isinstance(t, int) and t in block and not (stored and t in last):
            found[k] = block[t]
    return found
