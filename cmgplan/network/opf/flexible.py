"""What couples the hours of an optimal power flow: stores and responsive loads.

Columns and rows stand behind those of the hours; all of them are linear:
eqs. (9)-(14) of the planning paper for stores, (23)-(25) for loads.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from cmgplan.arrays import FloatArray, IntArray
from cmgplan.devices.base import Forecasts
from cmgplan.devices.storage import Storage
from cmgplan.errors import InputError
from cmgplan.network.grid import Grid
from cmgplan.network.grid_hours import GridHours
from cmgplan.network.opf.model import Layout
from cmgplan.solve.templates import Instance, TemplateModel
from cmgplan.units import mw_from_kw, mw_from_pu

BOTH_PU = 1e-6
"""Power over which a store that charges and discharges at once does both."""


@dataclass(frozen=True)
class Placed:
    """A store at a bus."""

    bus: str
    store: Storage


@dataclass(frozen=True)
class Responsive:
    """A bus whose load may move within ``1 -/+ share`` in each hour, energy-neutral."""

    bus: str
    share: float


@dataclass(frozen=True)
class Flexible:
    """Stores and responsive loads, and the columns they take."""

    stores: tuple[Placed, ...] = ()
    loads: tuple[Responsive, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.stores or self.loads)

    def columns(self, layout: Layout) -> dict[str, IntArray]:
        """Return the columns of each kind, shape (T, number of devices)."""
        hours, first = layout.hours, layout.hours * layout.width
        found: dict[str, IntArray] = {}
        counts = {"charge": len(self.stores), "discharge": len(self.stores)}
        for kind, count in {**counts, "soc": len(self.stores), "moved": len(self.loads)}.items():
            found[kind] = first + np.arange(hours * count).reshape(hours, count)
            first += hours * count
        return found

    def drawn_pu(self, layout: Layout, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return what the devices of an answer draw at each bus, active and reactive, (T, n)."""
        grid, at = layout.grid, self.columns(layout)
        p = np.zeros((layout.hours, grid.n_bus))
        q = np.zeros_like(p)
        if not len(x):
            return p, q
        for k, placed in enumerate(self.stores):
            bus = position(grid, placed.bus)
            p[:, bus] += x[at["charge"][:, k]] - x[at["discharge"][:, k]]
        for k, load in enumerate(self.loads):
            bus = position(grid, load.bus)
            p[:, bus] += x[at["moved"][:, k]]
            q[:, bus] += x[at["moved"][:, k]] * _ratio(grid, bus)
        return p, q


def position(grid: Grid, bus_id: str) -> int:
    """Return the position of a bus; InputError if it is not in the grid."""
    try:
        return grid.bus_ids.index(bus_id)
    except ValueError:
        raise InputError(f"bus {bus_id} of a store or load is not in {grid.name}") from None


def _ratio(grid: Grid, bus: int) -> float:
    p = float(grid.p_load_pu[bus])
    return float(grid.q_load_pu[bus]) / p if p > 0.0 else 0.0


def extended_model(
    model: TemplateModel, layout: Layout, flexible: Flexible, dt_h: float
) -> TemplateModel:
    """Return the model with the devices' columns, their share of the balances, and their rows."""
    entries: list[tuple[int, int, float]] = []
    at, grid, hours = flexible.columns(layout), layout.grid, layout.hours
    old_rows = hours * layout.height
    for t in range(hours):
        p_row, q_row = (t * layout.height + layout.row(kind) for kind in ("p", "q"))
        for k, placed in enumerate(flexible.stores):
            bus = position(grid, placed.bus)
            entries += [(p_row + bus, int(at["charge"][t, k]), -1.0)]
            entries += [(p_row + bus, int(at["discharge"][t, k]), 1.0)]
        for k, load in enumerate(flexible.loads):
            bus = position(grid, load.bus)
            entries += [(p_row + bus, int(at["moved"][t, k]), -1.0)]
            entries += [(q_row + bus, int(at["moved"][t, k]), -_ratio(grid, bus))]
    row = old_rows
    for k, placed in enumerate(flexible.stores):
        store = placed.store
        for t in range(hours):
            entries += [(row, int(at["soc"][t, k]), 1.0)]
            entries += [(row, int(at["charge"][t, k]), -store.efficiency_charge * dt_h)]
            entries += [(row, int(at["discharge"][t, k]), dt_h / store.efficiency_discharge)]
            if t > 0:
                entries += [(row, int(at["soc"][t - 1, k]), -1.0)]
            row += 1
    for k in range(len(flexible.loads)):
        entries += [(row, int(at["moved"][t, k]), 1.0) for t in range(hours)]
        row += 1
    width = hours * layout.width + sum(part.size for part in at.values())
    rows, columns, values = (np.asarray(part) for part in zip(*entries, strict=True))
    more = sp.csr_array((values.astype(np.float64), (rows, columns)), shape=(row, width))
    old = model.linear.tocoo()
    same = sp.csr_array((old.data, (old.row, old.col)), shape=(row, width))
    empty = (row - old_rows, 1)
    copies = tuple(
        replace(
            part,
            scatter=sp.csr_array(
                sp.vstack(
                    [part.scatter, sp.csr_array((empty[0], part.scatter.shape[1]))], format="csr"
                )
            ),
        )
        for part in model.copies
    )
    return TemplateModel(sp.csr_array(same + more), copies)


def extended_instance(
    instance: Instance, layout: Layout, flexible: Flexible, horizon: GridHours
) -> Instance:
    """Return bounds, prices and start with those of the devices behind."""
    at, grid, base = flexible.columns(layout), layout.grid, layout.grid.s_base_mva
    first = layout.hours * layout.width
    total = first + sum(part.size for part in at.values())
    low, high = np.zeros(total), np.zeros(total)
    linear, quadratic, start = np.zeros(total), np.zeros(total), np.zeros(total)
    for part, given in (
        (low, instance.lbx),
        (high, instance.ubx),
        (linear, instance.linear),
        (quadratic, instance.quadratic),
        (start, instance.start),
    ):
        part[:first] = given
    h = Forecasts(layout.hours, horizon.dt_h, np.zeros(layout.hours), {}, "energy")
    sums: list[FloatArray] = []
    for k, placed in enumerate(flexible.stores):
        store, plugged = placed.store, placed.store.connected(h)
        high[at["charge"][:, k]] = mw_from_kw(store.p_charge_max_kw) / base * plugged
        high[at["discharge"][:, k]] = mw_from_kw(store.p_discharge_max_kw) / base * plugged
        low[at["soc"][:, k]] = mw_from_kw(store.soc_floor_kwh(h)) / base
        high[at["soc"][:, k]] = mw_from_kw(store.soc_max * store.energy_kwh) / base
        begun = mw_from_kw(store.soc_start * store.energy_kwh) / base
        start[at["soc"][:, k]] = begun
        balance = -mw_from_kw(store.drawn_kwh(h)) / base
        balance[0] += begun
        sums.append(balance)
        if not isinstance(store.price, str):
            for kind in ("charge", "discharge"):
                linear[at[kind][:, k]] = float(store.price) * base * horizon.dt_h
    for k, load in enumerate(flexible.loads):
        reach = load.share * np.maximum(horizon.p_load_pu[:, position(grid, load.bus)], 0.0)
        low[at["moved"][:, k]], high[at["moved"][:, k]] = -reach, reach
    rows = np.concatenate([*sums, np.zeros(len(flexible.loads))])
    return replace(
        instance,
        lbx=low,
        ubx=high,
        lbg=np.concatenate([instance.lbg, rows]),
        ubg=np.concatenate([instance.ubg, rows]),
        linear=linear,
        quadratic=quadratic,
        start=start,
    )


def one_way(
    instance: Instance, layout: Layout, flexible: Flexible, x: FloatArray
) -> Instance | None:
    """Return bounds that stop stores from charging and discharging at once; None if none does.

    Where both happen, which only pays at negative prices, the smaller of the two is held at zero.
    """
    at = flexible.columns(layout)
    charge, discharge = x[at["charge"]], x[at["discharge"]]
    both = np.minimum(charge, discharge) > BOTH_PU
    if not both.any():
        return None
    high = instance.ubx.copy()
    high[at["charge"][both & (charge <= discharge)]] = 0.0
    high[at["discharge"][both & (charge > discharge)]] = 0.0
    return replace(instance, ubx=high)


def schedules(layout: Layout, flexible: Flexible, x: FloatArray) -> dict[str, FloatArray]:
    """Return charge, discharge, moved (MW) and soc (MWh) of an answer, shape (T, devices)."""
    if not len(x):
        return {}
    base = layout.grid.s_base_mva
    return {
        f"{kind}_{'mwh' if kind == 'soc' else 'mw'}": mw_from_pu(x[columns], base)
        for kind, columns in flexible.columns(layout).items()
        if columns.size
    }
