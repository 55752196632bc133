"""The limits that an answer of an optimal power flow lies at, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from cmgplan.arrays import FloatArray
from cmgplan.network.grid import Grid

NEAR = 1e-5
"""Distance from a limit, pu or rad, within which it binds."""

NEAR_RATING = 1e-4
"""The same of a branch's rating, relative."""


def binding_limits(
    grid: Grid,
    v_pu: FloatArray,
    angle_rad: FloatArray,
    flow_pu: FloatArray,
    p_pu: FloatArray,
    q_pu: FloatArray,
) -> tuple[str, ...]:
    """Return the limits that bind: voltages, branches, angles, then outputs.

    Limits that leave no freedom, such as a held voltage, are not told. Shapes are those of
    ``OpfResult``; ``flow_pu`` is the apparent power at both ends, shape (T, l, 2).
    """
    lines, gens = grid.branches, grid.generators
    load = np.zeros(flow_pu.shape[:2])
    if len(lines):
        ends = np.stack([v_pu[:, lines.from_bus], v_pu[:, lines.to_bus]], axis=2)
        by_power = flow_pu.max(axis=2) / np.where(lines.s_max_pu > 0, lines.s_max_pu, np.inf)
        current = (flow_pu / ends).max(axis=2)
        by_current = current / np.where(lines.i_max_pu > 0, lines.i_max_pu, np.inf)
        load = np.maximum(by_power, by_current)
    apart = angle_rad[:, lines.from_bus] - angle_rad[:, lines.to_bus]
    free = grid.v_min_pu < grid.v_max_pu
    parts = [
        ("bus", grid.bus_ids, "lower voltage limit", free & (v_pu <= grid.v_min_pu + NEAR)),
        ("bus", grid.bus_ids, "upper voltage limit", free & (v_pu >= grid.v_max_pu - NEAR)),
        ("branch", lines.ids, "rating", load >= 1.0 - NEAR_RATING),
        ("branch", lines.ids, "upper angle limit", apart >= lines.angle_max_rad - NEAR),
        ("branch", lines.ids, "lower angle limit", apart <= lines.angle_min_rad + NEAR),
    ]
    for name, output, low, high in (
        ("active", p_pu, gens.p_min_pu, gens.p_max_pu),
        ("reactive", q_pu, gens.q_min_pu, gens.q_max_pu),
    ):
        movable = low < high
        at_high = movable & (output >= high - NEAR)
        at_low = movable & (output <= low + NEAR) & ~at_high
        parts.append(("generator", gens.ids, f"upper {name} limit", at_high))
        parts.append(("generator", gens.ids, f"lower {name} limit", at_low))
    return tuple(line for part in parts for line in _told(*part))


def _told(kind: str, ids: Sequence[str], limit: str, at: npt.NDArray[np.bool_]) -> Iterator[str]:
    for hour, k in zip(*np.nonzero(at), strict=True):
        when = f" at hour {hour}" if len(at) > 1 else ""
        yield f"{kind} {ids[k]}: {limit}{when}"
