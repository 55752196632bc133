"""What changes from hour to hour: loads, availability of generators, prices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.errors import InputError
from cmgplan.network.grid import Grid
from cmgplan.units import usd_per_puh


@dataclass(frozen=True)
class GridHours:
    """T hours of length ``dt_h``.

    Attributes
    ----------
    p_load_pu, q_load_pu
        Load of every bus, shape (T, n).
    available
        Factor of every generator's upper active limit, shape (T, g).
    price_usd_per_mwh
        Price of each generator's active output in place of its linear cost, shape (T, g), NaN
        where the grid's own holds.
    """

    p_load_pu: FloatArray
    q_load_pu: FloatArray
    available: FloatArray
    price_usd_per_mwh: FloatArray
    dt_h: float = 1.0

    @property
    def hours(self) -> int:
        """Number of hours T."""
        return int(self.p_load_pu.shape[0])

    def at(self, hour: int) -> GridHours:
        """Return one hour alone."""
        one = slice(hour, hour + 1)
        return GridHours(
            self.p_load_pu[one],
            self.q_load_pu[one],
            self.available[one],
            self.price_usd_per_mwh[one],
            self.dt_h,
        )

    def p_max_pu(self, grid: Grid) -> FloatArray:
        """Return the upper active limits, shape (T, g)."""
        limit = np.broadcast_to(grid.generators.p_max_pu, self.available.shape)
        finite = np.isfinite(limit)
        return np.where(finite, self.available * np.where(finite, limit, 0.0), limit)

    def price_usd_per_puh(self, grid: Grid) -> FloatArray:
        """Return the linear costs of active output, shape (T, g)."""
        own = np.broadcast_to(grid.generators.cost_p[:, 1], self.price_usd_per_mwh.shape)
        given = usd_per_puh(self.price_usd_per_mwh, grid.s_base_mva)
        return np.where(np.isnan(given), own, given)


def single_hour(grid: Grid) -> GridHours:
    """Return one hour with the grid's own loads, limits and costs."""
    return horizon_of(grid, hours=1)


def horizon_of(
    grid: Grid,
    *,
    hours: int,
    load: FloatArray | None = None,
    p_load_pu: FloatArray | None = None,
    q_load_pu: FloatArray | None = None,
    available: FloatArray | None = None,
    price_usd_per_mwh: FloatArray | None = None,
    dt_h: float = 1.0,
) -> GridHours:
    """Return a horizon from profiles of shape (T,), or (T, n) for loads and (T, g) for the rest.

    ``load`` multiplies the grid's loads; ``p_load_pu`` and ``q_load_pu`` replace them.

    Raises
    ------
    InputError
        A profile has another shape, or a number in it is not finite.
    """
    buses, sources = (hours, grid.n_bus), (hours, len(grid.generators))
    factor = _spread("load", 1.0 if load is None else load, buses)
    own_p = grid.p_load_pu if p_load_pu is None else p_load_pu
    own_q = grid.q_load_pu if q_load_pu is None else q_load_pu
    if not dt_h > 0.0:
        raise InputError(f"dt_h is {dt_h:g}; give hours of positive length")
    return GridHours(
        p_load_pu=factor * _spread("p_load_pu", own_p, buses),
        q_load_pu=factor * _spread("q_load_pu", own_q, buses),
        available=_spread("available", 1.0 if available is None else available, sources),
        price_usd_per_mwh=(
            np.full(sources, np.nan)
            if price_usd_per_mwh is None
            else _spread("price_usd_per_mwh", price_usd_per_mwh, sources)
        ),
        dt_h=dt_h,
    )


def _spread(name: str, values: FloatArray | float, shape: tuple[int, int]) -> FloatArray:
    """Return values of shape (), (T,), (1, w) or (T, w) as (T, w); grid values come as (w,)."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == 1 and name.endswith("load_pu") and array.shape[0] == shape[1]:
        array = array[None, :]
    elif array.ndim == 1:
        array = array[:, None]
    array = np.atleast_2d(array)
    if array.shape[0] not in (1, shape[0]) or array.shape[1] not in (1, shape[1]):
        raise InputError(f"profile {name} has shape {array.shape}; give ({shape[0]},) or {shape}")
    if not np.all(np.isfinite(array)):
        raise InputError(f"profile {name} holds a value that is not a finite number; correct it")
    return np.array(np.broadcast_to(array, shape))
