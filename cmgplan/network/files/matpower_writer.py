"""A grid as the text of a MATPOWER case file, format version 2.

Columns are those of MATPOWER's case format (Zimmerman, Murillo-Sanchez, Thomas 2011,
doi 10.1109/TPWRS.2010.2051168). Numbers are written with all their digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.network.grid import Branches, Grid

LOAD_BUS, REFERENCE_BUS = 1, 3
POLYNOMIAL = 2
FULL_TURN_DEG = 360.0

# A quote ends a string, a percent sign a line; readers less strict than MATPOWER stumble over
# the others as well.
_NOT_IN_NAMES = re.compile(r"['\"%;{}\[\]]|\.\.\.")


def function_name(name: str) -> str:
    """Return a name as a function's and a file's: letters, digits and underscores."""
    word = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_")
    return word if re.match(r"[A-Za-z]", word) else f"case_{word}".rstrip("_")


def bus_numbers(ids: Sequence[str]) -> list[int]:
    """Return the buses' numbers: their ids where all are positive integers, else 1, 2, ..."""
    if all(re.fullmatch(r"[1-9]\d{0,8}", name) for name in ids) and len(set(ids)) == len(ids):
        return [int(name) for name in ids]
    return list(range(1, len(ids) + 1))


def matpower_text(grid: Grid, about: Sequence[str]) -> str:
    """Return a grid as a case file.

    Current limits become RATE_A, which MATPOWER takes for currents with ``opf.flow_lim = 'I'``
    and for apparent power otherwise.

    Parameters
    ----------
    about
        Lines of the comment at the top.

    Raises
    ------
    ValueError
        If a generator has a piecewise cost or a branch a conductance to ground, which this writer
        does not know.
    """
    if grid.generators.piecewise or np.any(grid.branches.g_pu):
        raise ValueError("piecewise costs and shunt conductances of branches cannot be written")
    number = bus_numbers(grid.bus_ids)
    name = function_name(grid.name)
    parts = [
        f"function mpc = {name}",
        *(f"% {_one_line(line)}" for line in (f"{name.upper()}", *about)),
        "mpc.version = '2';",
        f"mpc.baseMVA = {_number(grid.s_base_mva)};",
        "% bus_i type Pd Qd Gs Bs area Vm Va baseKV zone Vmax Vmin",
        _matrix("bus", _bus_rows(grid, number)),
        "% bus Pg Qg Qmax Qmin Vg mBase status Pmax Pmin",
        _matrix("gen", _gen_rows(grid, number)),
        "% fbus tbus r x b rateA rateB rateC ratio angle status angmin angmax",
        _matrix("branch", _branch_rows(grid.branches, number, grid.s_base_mva)),
        "% 2 startup shutdown n c2 c1 c0",
        _matrix("gencost", _cost_rows(grid)),
        _names("bus_name", grid.bus_ids),
    ]
    return "\n".join(parts) + "\n"


def _bus_rows(grid: Grid, number: Sequence[int]) -> Iterable[Sequence[float]]:
    angle = np.rad2deg(grid.unloaded_angle_rad())
    for k in range(grid.n_bus):
        is_reference = k in grid.reference
        yield (
            number[k],
            REFERENCE_BUS if is_reference else LOAD_BUS,
            *(grid.s_base_mva * v[k] for v in (grid.p_load_pu, grid.q_load_pu)),
            *(grid.s_base_mva * v[k] for v in (grid.g_shunt_pu, grid.b_shunt_pu)),
            1,
            grid.v_max_pu[k] if is_reference else 1.0,
            angle[k],
            grid.vn_kv[k],
            1,
            grid.v_max_pu[k],
            grid.v_min_pu[k],
        )


def _gen_rows(grid: Grid, number: Sequence[int]) -> Iterable[Sequence[float]]:
    gens, base, set_pu = grid.generators, grid.s_base_mva, _set_points(grid)
    for k in range(len(gens)):
        at = gens.bus[k]
        reactive = base * gens.q_max_pu[k], base * gens.q_min_pu[k]
        active = base * gens.p_max_pu[k], base * gens.p_min_pu[k]
        yield (number[at], 0, 0, *reactive, set_pu[at], base, 1, *active)


def _set_points(grid: Grid) -> FloatArray:
    """Return the voltage set point of a unit at each bus: the reference's own, else the limit."""
    set_pu = grid.v_max_pu.copy()
    if grid.reference_v_pu is not None:
        known = np.isfinite(grid.reference_v_pu)
        set_pu[grid.reference[known]] = grid.reference_v_pu[known]
    return set_pu


def _branch_rows(
    lines: Branches, number: Sequence[int], base_mva: float
) -> Iterable[Sequence[float]]:
    for k in range(len(lines)):
        limit = base_mva * min(lines.s_max_pu[k], lines.i_max_pu[k])
        rate = limit if np.isfinite(limit) else 0.0
        angles = np.rad2deg([lines.angle_min_rad[k], lines.angle_max_rad[k]])
        yield (
            *(number[lines.from_bus[k]], number[lines.to_bus[k]]),
            *(lines.r_pu[k], lines.x_pu[k], lines.b_pu[k]),
            *(rate, rate, rate),
            *(lines.tap[k] if lines.tap[k] != 1.0 else 0.0, np.rad2deg(lines.shift_rad[k])),
            1,
            *np.clip(angles, -FULL_TURN_DEG, FULL_TURN_DEG),
        )


def _cost_rows(grid: Grid) -> Iterable[Sequence[float]]:
    base = grid.s_base_mva
    tables = [grid.generators.cost_p]
    if np.any(grid.generators.cost_q):
        tables.append(grid.generators.cost_q)
    for table in tables:
        for c2, c1, c0 in table:
            yield (POLYNOMIAL, 0, 0, 3, c2 / base**2, c1 / base, c0)


def _matrix(name: str, rows: Iterable[Sequence[float]]) -> str:
    lines = "".join(" ".join(_number(value) for value in row) + ";\n" for row in rows)
    return f"mpc.{name} = [\n{lines}];"


def _number(value: float) -> str:
    """Return a number with all its digits, as MATPOWER reads it."""
    if np.isinf(value):
        return "Inf" if value > 0 else "-Inf"
    number = float(value)
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


def _names(field: str, ids: Sequence[str]) -> str:
    lines = "".join(f"'{_NOT_IN_NAMES.sub('_', _one_line(name))}';\n" for name in ids)
    return f"mpc.{field} = {{\n{lines}}};"


def _one_line(text: str) -> str:
    """Return text without characters that would end a comment or a string."""
    return "".join(c if c.isprintable() else "_" for c in text)
