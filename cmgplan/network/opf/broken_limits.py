"""The limits that a point of the elastic optimal power flow breaks, in words and amounts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.network.opf.model import Layout
from cmgplan.units import ka_from_pu, mw_from_pu

LIMITS = (
    *("low", "high", "over", "apart", "behind"),
    *("p_below", "p_above", "q_below", "q_above"),
)
"""Columns of the limits that may give."""

CONSIDERABLE = 1e-5
"""Slack over which a limit is said to give, in its own unit (pu, rad, squared pu)."""


@dataclass(frozen=True)
class ElasticBreak:
    """One limit and by how much it would have to give.

    Attributes
    ----------
    hour
        Position in the layout's horizon.
    kind
        One of ``LIMITS``.
    position
        Position of the bus, branch or generator.
    amount
        By how much the limit gives: pu of voltage, power or current, or rad.
    told, remedy
        What is broken, and the amount with its unit.
    """

    hour: int
    kind: str
    position: int
    amount: float
    told: str
    remedy: str


def broken_limits(layout: Layout, x: FloatArray) -> list[ElasticBreak]:
    """Return the limits that an elastic answer breaks, the largest amounts first."""
    found: list[ElasticBreak] = []
    for kind in LIMITS:
        slack = layout.part(x, kind)
        for hour, k in zip(*np.nonzero(slack > CONSIDERABLE), strict=True):
            found.append(_TOLD[kind](layout, x, kind, int(hour), int(k), float(slack[hour, k])))
    return sorted(found, key=lambda one: -one.amount)


Teller = Callable[[Layout, FloatArray, str, int, int, float], ElasticBreak]


def _voltage(
    layout: Layout, x: FloatArray, kind: str, hour: int, bus: int, slack: float
) -> ElasticBreak:
    grid, v = layout.grid, float(layout.part(x, "v")[hour, bus])
    sign, relation, limit = (
        ("+", "<", grid.v_min_pu) if kind == "low" else ("-", ">", grid.v_max_pu)
    )
    told = f"bus {grid.bus_ids[bus]} voltage {v:.4f} {relation} {limit[bus]:g} pu"
    if grid.v_min_pu[bus] == grid.v_max_pu[bus] and bus in grid.generators.bus:
        told = f"bus {grid.bus_ids[bus]} voltage held at {limit[bus]:g} pu"
        sign = "-" if kind == "low" else "+"
    return ElasticBreak(hour, kind, bus, slack, told, f"{sign}{slack:.4f} pu")


def _loading(
    layout: Layout, x: FloatArray, kind: str, hour: int, limited: int, slack: float
) -> ElasticBreak:
    """Tell an overload in MVA, or in kA at the from end where current is limited."""
    grid, lines = layout.grid, layout.grid.branches
    branch = int(layout.limited[limited])
    if np.isfinite(lines.i_max_pu[branch]):
        ends = [int(lines.from_bus[branch]), int(lines.to_bus[branch])]
        bus, limit = ends[0], float(lines.i_max_pu[branch])
        v = float(layout.part(x, "v")[hour, ends].min())
        over = float(np.sqrt(limit**2 + slack / v**2)) - limit
        shown = [ka_from_pu(i, float(grid.vn_kv[bus]), grid.s_base_mva) for i in (limit, over)]
        unit = "kA"
    else:
        limit = float(lines.s_max_pu[branch])
        over = float(np.sqrt(limit**2 + slack)) - limit
        shown, unit = [mw_from_pu(s, grid.s_base_mva) for s in (limit, over)], "MVA"
    told = f"branch {lines.ids[branch]} carries more than {shown[0]:.4g} {unit}"
    return ElasticBreak(hour, kind, branch, over, told, f"+{shown[1]:.4g} {unit}")


def _angle(
    layout: Layout, x: FloatArray, kind: str, hour: int, narrow: int, slack: float
) -> ElasticBreak:
    lines, branch = layout.grid.branches, int(layout.narrow[narrow])
    angle = layout.part(x, "angle")[hour]
    apart = np.rad2deg(angle[lines.from_bus[branch]] - angle[lines.to_bus[branch]])
    relation, limit = (">", lines.angle_max_rad) if kind == "apart" else ("<", lines.angle_min_rad)
    told = (
        f"branch {lines.ids[branch]} angle difference {apart:.2f} {relation} "
        f"{np.rad2deg(limit[branch]):g} degrees"
    )
    sign = "+" if kind == "apart" else "-"
    return ElasticBreak(hour, kind, branch, slack, told, f"{sign}{np.rad2deg(slack):.2f} degrees")


def _output(
    layout: Layout, x: FloatArray, kind: str, hour: int, gen: int, slack: float
) -> ElasticBreak:
    grid, letter = layout.grid, kind[0]
    above = kind.endswith("above")
    name, unit = {"p": ("active", "MW"), "q": ("reactive", "Mvar")}[letter]
    output = float(layout.part(x, letter)[hour, gen])
    relation, limit = (">", output - slack) if above else ("<", output + slack)
    shown = [mw_from_pu(s, grid.s_base_mva) for s in (output, limit, slack)]
    told = (
        f"generator {grid.generators.ids[gen]} {name} output {shown[0]:.5g} {relation} "
        f"{shown[1]:.5g} {unit}"
    )
    return ElasticBreak(
        hour, kind, gen, slack, told, f"{'+' if above else '-'}{shown[2]:.4g} {unit}"
    )


_TOLD: dict[str, Teller] = {
    **dict.fromkeys(("low", "high"), _voltage),
    "over": _loading,
    **dict.fromkeys(("apart", "behind"), _angle),
    **dict.fromkeys(("p_below", "p_above", "q_below", "q_above"), _output),
}
