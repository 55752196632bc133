"""Operation of the microgrids as plain arrays, read from a solved model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyomo.environ as pyo

from cmgplan.arrays import FloatArray
from cmgplan.devices.storage import Storage
from cmgplan.planning.case.records import Case
from cmgplan.planning.model.schedule import VariableBounds, curtailed_kw, unserved_kw
from cmgplan.planning.model.schedule_model import (
    ByHour,
    DeviceKey,
    ScheduleModel,
    committed,
    on_feeder,
)
from cmgplan.planning.model.switches import SwitchHours

EXCLUSIVE_KW = 1e-3
"""Simultaneous charge and discharge under this counts as numerical noise."""


@dataclass(frozen=True)
class Operation:
    """What every device and switch does, arrays of shape (T,).

    Attributes
    ----------
    p_kw, q_kvar
        Injection by device.
    charge_kw, discharge_kw, soc_kwh
        Of devices that store.
    p_tie_kw, q_tie_kvar, tie_loss_kw
        By tie, measured at its from end.
    p_pcc_kw, q_pcc_kvar
        By microgrid, export positive.
    unserved_kw, unserved_kvar, curtailed_kw
        By microgrid.
    on
        Commitment of devices with a minimum load.
    closed
        Switch schedule.
    gc_usd, ec_usd, loss_kwh
        f1, f2, f3.
    p_sub_kw, q_sub_kvar, feeder_loss_kw
        Import at the slack and losses of the feeder; zero where there is no feeder.
    """

    p_kw: Mapping[DeviceKey, FloatArray]
    q_kvar: Mapping[DeviceKey, FloatArray]
    charge_kw: Mapping[DeviceKey, FloatArray]
    discharge_kw: Mapping[DeviceKey, FloatArray]
    soc_kwh: Mapping[DeviceKey, FloatArray]
    p_tie_kw: Mapping[str, FloatArray]
    q_tie_kvar: Mapping[str, FloatArray]
    tie_loss_kw: Mapping[str, FloatArray]
    p_pcc_kw: Mapping[str, FloatArray]
    q_pcc_kvar: Mapping[str, FloatArray]
    unserved_kw: Mapping[str, FloatArray]
    unserved_kvar: Mapping[str, FloatArray]
    curtailed_kw: Mapping[str, FloatArray]
    on: Mapping[DeviceKey, FloatArray]
    closed: SwitchHours
    gc_usd: float
    ec_usd: float
    loss_kwh: float
    p_sub_kw: FloatArray
    q_sub_kvar: FloatArray
    feeder_loss_kw: FloatArray
    voltage_pu: FloatArray | None = None
    gamma: Mapping[DeviceKey, FloatArray] = field(default_factory=dict)

    def value(self, name: str) -> float:
        """Return an objective by its column name."""
        return {"gc_usd": self.gc_usd, "ec_usd": self.ec_usd, "loss_kwh": self.loss_kwh}[name]


def stores_of(case: Case) -> dict[DeviceKey, Storage]:
    """Return batteries and fleets by key."""
    return {(mg.id, s.id): s for mg in case.microgrids for s in mg.stores()}


def read_operation(m: ScheduleModel, case: Case, closed: SwitchHours) -> Operation:
    """Read an operation from a model whose variables hold a solution."""
    steps = list(m.T)

    def series(of: Callable[..., Any]) -> FloatArray:
        return np.asarray([float(pyo.value(of(t))) for t in steps], dtype=np.float64)

    storing = [key for key, device in m.free.items() if device.stores]
    responding = [key for key, device in m.free.items() if device.responds]
    lossy = set(m.LOSSY)
    ids = [mg.id for mg in case.microgrids]
    zero = np.zeros(len(steps))
    with_renewables = {mg.id: bool(mg.wt or mg.pv) for mg in case.microgrids}
    free_load = {
        mg.id: all((mg.id, load.id) in m.free for load in mg.load) for mg in case.microgrids
    }
    none: ByHour = dict.fromkeys(steps, 0.0)
    p_sub, q_sub, loss = (m.p_sub, m.q_sub, m.loss) if on_feeder(m) else (none, none, none)

    return Operation(
        p_kw={key: series(lambda t, k=key: m.dev[k].p_inj[t]) for key in m.DEV},
        q_kvar={key: series(lambda t, k=key: m.dev[k].q_inj[t]) for key in m.DEV},
        charge_kw={key: series(lambda t, k=key: m.dev[k].charge[t]) for key in storing},
        discharge_kw={key: series(lambda t, k=key: m.dev[k].discharge[t]) for key in storing},
        soc_kwh={key: series(lambda t, k=key: m.dev[k].soc[t]) for key in storing},
        p_tie_kw={e: series(lambda t, e=e: m.p_tie[e, t]) for e in m.TIE},
        q_tie_kvar={e: series(lambda t, e=e: m.q_tie[e, t]) for e in m.TIE},
        tie_loss_kw={
            e: series(lambda t, e=e: m.tie_loss[e, t]) if e in lossy else zero for e in m.TIE
        },
        p_pcc_kw={mg: series(lambda t, g=mg: m.p_pcc[g, t]) for mg in ids},
        q_pcc_kvar={mg: series(lambda t, g=mg: m.q_pcc[g, t]) for mg in ids},
        unserved_kw={
            mg: series(lambda t, g=mg: unserved_kw(m, case, g, t)) if free_load[mg] else zero
            for mg in ids
        },
        unserved_kvar={
            mg: series(
                lambda t, g=mg: pyo.quicksum(
                    m.dev[g, load.id].unserved_q[t] for load in case.microgrid(g).load
                )
            )
            if free_load[mg]
            else zero
            for mg in ids
        },
        curtailed_kw={
            mg: series(lambda t, g=mg: curtailed_kw(m, case, g, t)) if with_renewables[mg] else zero
            for mg in ids
        },
        on={key: series(lambda t, k=key: m.dev[k].on[t]) for key in committed(m)},
        closed={switch: np.array(hours) for switch, hours in closed.items()},
        gc_usd=float(m.f1.value),
        ec_usd=float(m.f2.value),
        loss_kwh=float(m.f3.value),
        p_sub_kw=series(lambda t: p_sub[t]),
        q_sub_kvar=series(lambda t: q_sub[t]),
        feeder_loss_kw=series(lambda t: loss[t]),
        gamma={key: series(lambda t, k=key: m.dev[k].gamma[t]) for key in responding},
    )


def both_ways(operation: Operation) -> list[tuple[DeviceKey, int]]:
    """Return the devices and hours that charge and discharge at once, against eq. (11)."""
    return [
        (key, int(t))
        for key in operation.charge_kw
        for t in np.flatnonzero(
            np.minimum(operation.charge_kw[key], operation.discharge_kw[key]) > EXCLUSIVE_KW
        )
    ]


def one_way_bounds(m: ScheduleModel, case: Case, operation: Operation) -> VariableBounds:
    """Return bounds that leave each store only the direction of its net energy in each hour."""
    bounds: VariableBounds = pyo.ComponentMap()
    for key, store in stores_of(case).items():
        if key not in operation.charge_kw:
            continue
        net = (
            store.efficiency_charge * operation.charge_kw[key]
            - operation.discharge_kw[key] / store.efficiency_discharge
        )
        for t, energy in enumerate(net):
            stopped = m.dev[key].discharge[t] if energy > 0.0 else m.dev[key].charge[t]
            bounds[stopped] = (0.0, 0.0)
    return bounds
