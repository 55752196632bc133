"""Loads of a network by hour: those of a case, or a file's times hourly factors."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cmgplan.arrays import ComplexArray, FloatArray
from cmgplan.case.rows import number
from cmgplan.errors import InputError
from cmgplan.given import read_text, shown
from cmgplan.network.reconfiguration.given import SwitchedNetwork, TreeNetwork
from cmgplan.plurals import counted

HOUR, FACTOR = "hour", "factor"

MOST_FACTOR = 1e4
"""Greatest factor of a load; more is a mistake in units."""

MOST_HOURS = 1000
"""Most hours that are looked at together."""


@dataclass(frozen=True)
class HourlyLoads:
    """Loads of all buses of a network by hour.

    Attributes
    ----------
    p_pu, q_pu
        Shape (H, n), on the base of the network and in its order.
    dt_h
        Length of an hour, h.
    """

    p_pu: FloatArray
    q_pu: FloatArray
    dt_h: float = 1.0

    @property
    def hours(self) -> int:
        """Number of hours."""
        return len(self.p_pu)

    def of_tree(self, net: TreeNetwork) -> ComplexArray:
        """Return the loads of the buses of a tree's network, shape (H, n); 0 at the root."""
        s = np.zeros((self.hours, net.n_bus), dtype=np.complex128)
        inner = net.at > 0
        s[:, net.at[inner]] = (self.p_pu + 1j * self.q_pu)[:, inner]
        return s


def constant_loads(network: SwitchedNetwork, hours: int = 1) -> HourlyLoads:
    """Return the network's own loads in every hour."""
    grid = network.grid
    return HourlyLoads(np.tile(grid.p_load_pu, (hours, 1)), np.tile(grid.q_load_pu, (hours, 1)))


def read_factors(path: Path, network: SwitchedNetwork) -> HourlyLoads:
    """Return the network's loads times the hourly factors of a CSV file.

    Its columns are ``hour`` (0, 1, ...), ``factor`` for all loads, and ids of buses for those of
    their own; a bus that has none goes by ``factor``, and by 1 where there is none either.

    Raises
    ------
    InputError
        The file cannot be read, or a column or cell cannot be used; with row and column.
    """
    lines = [cells for cells in csv.reader(io.StringIO(read_text(path), newline="")) if cells]
    header = [cell.strip() for cell in lines[0]] if lines else []
    grid = network.grid
    known = {HOUR, FACTOR, *grid.bus_ids}
    for column in header:
        if column not in known:
            raise InputError(
                f"{path.name} row 1: the column {shown(column)} is neither {HOUR}, {FACTOR} nor a "
                "bus of the network; correct it"
            )
    if len(set(header)) != len(header) or HOUR not in header or len(header) < 2:
        raise InputError(
            f"{path.name} row 1: give the column {HOUR} once, and {FACTOR} or ids of buses, each "
            "once"
        )
    if not 1 <= len(lines) - 1 <= MOST_HOURS:
        raise InputError(
            f"{path.name}: has {counted(len(lines) - 1, 'hour')}; give 1 to {MOST_HOURS}"
        )
    table = np.array([_row(path, header, k, cells) for k, cells in enumerate(lines[1:])])
    factor = np.ones((len(table), grid.n_bus))
    if FACTOR in header:
        factor *= table[:, [header.index(FACTOR)]]
    for k, bus in enumerate(grid.bus_ids):
        if bus in header and bus not in (HOUR, FACTOR):
            factor[:, k] = table[:, header.index(bus)]
    return HourlyLoads(factor * grid.p_load_pu, factor * grid.q_load_pu)


def _row(path: Path, header: list[str], k: int, cells: list[str]) -> list[float]:
    """Return the numbers of the row of hour k."""
    where = f"{path.name} row {k + 2}"
    if len(cells) != len(header):
        raise InputError(
            f"{where}: has {counted(len(cells), 'cell')}, not {len(header)}; correct the row"
        )
    values = []
    for column, cell in zip(header, cells, strict=True):
        value = number(cell.strip())
        if isinstance(value, str) or not abs(value) <= MOST_FACTOR:
            raise InputError(
                f"{where}, column {column}: {shown(cell.strip())} is no number up to "
                f"{MOST_FACTOR:g}; correct it"
            )
        if column == HOUR and value != k:
            raise InputError(f"{where}: the hour is {value:g}, not {k}; count hours from 0")
        values.append(float(value))
    return values
