"""What changes from hour to hour: loads, availability of generators, prices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cmgplan.errors import InputError
from cmgplan.network.grid import FloatArray, Grid
from cmgplan.units import usd_per_puh


@dataclass(frozen=True)
class Horizon:
    """T hours of length ``dt_h``; every profile multiplies or replaces the grid's own value.

    Attributes
    ----------
    load
        Factor of every load, shape (T, n).
    available
        Factor of every generator's upper active limit, shape (T, g).
    price_usd_per_mwh
        Price of each generator's active output in place of its linear cost, shape (T, g), NaN
        where the grid's own holds.
    """

    load: FloatArray
    available: FloatArray
    price_usd_per_mwh: FloatArray
    dt_h: float = 1.0

    @property
    def hours(self) -> int:
        """Number of hours T."""
        return int(self.load.shape[0])

    def loads_pu(self, grid: Grid) -> tuple[FloatArray, FloatArray]:
        """Return active and reactive load, shape (T, n)."""
        return self.load * grid.p_load_pu, self.load * grid.q_load_pu

    def p_max_pu(self, grid: Grid) -> FloatArray:
        """Return the upper active limits, shape (T, g)."""
        limit = grid.generators.p_max_pu
        scaled = np.where(self.available == 1.0, 1.0, self.available)
        with np.errstate(invalid="ignore"):
            product = scaled * limit
        return np.asarray(np.where(np.isfinite(limit), product, limit), dtype=np.float64)

    def price_usd_per_puh(self, grid: Grid) -> FloatArray:
        """Return the linear costs of active output, shape (T, g)."""
        own = np.broadcast_to(grid.generators.cost_p[:, 1], self.price_usd_per_mwh.shape)
        given = usd_per_puh(self.price_usd_per_mwh, grid.s_base_mva)
        return np.where(np.isnan(given), own, given)


def single_hour(grid: Grid) -> Horizon:
    """Return one hour with the grid's own loads, limits and costs."""
    return horizon_of(grid, hours=1)


def horizon_of(
    grid: Grid,
    *,
    hours: int,
    load: FloatArray | None = None,
    available: FloatArray | None = None,
    price_usd_per_mwh: FloatArray | None = None,
    dt_h: float = 1.0,
) -> Horizon:
    """Return a horizon from profiles of shape (T,), or (T, n) for loads and (T, g) for the rest.

    InputError if a profile has another shape, or a number in it is not finite.
    """
    shapes = {"load": grid.n_bus, "available": len(grid.generators)}
    given = {"load": load, "available": available}
    parts = {
        name: np.ones((hours, width))
        if given[name] is None
        else _spread(name, given[name], (hours, width))
        for name, width in shapes.items()
    }
    width = len(grid.generators)
    price = (
        np.full((hours, width), np.nan)
        if price_usd_per_mwh is None
        else _spread("price_usd_per_mwh", price_usd_per_mwh, (hours, width), blank=True)
    )
    if not dt_h > 0.0:
        raise InputError(f"dt_h is {dt_h:g}; give hours of positive length")
    return Horizon(parts["load"], parts["available"], price, dt_h)


def _spread(
    name: str, values: FloatArray | None, shape: tuple[int, int], *, blank: bool = False
) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or array.shape[0] != shape[0] or array.shape[1] not in (1, shape[1]):
        raise InputError(f"profile {name} has shape {array.shape}; give ({shape[0]},) or {shape}")
    if not np.all(np.isfinite(array) | (blank & np.isnan(array))):
        raise InputError(f"profile {name} holds a value that is not a finite number; correct it")
    return np.array(np.broadcast_to(array, shape))
