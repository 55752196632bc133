"""Operation of the microgrids as plain arrays, read from a solved model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import numpy as np
import pyomo.environ as pyo

from cmgplan.arrays import FloatArray
from cmgplan.devices.storage import Storage
from cmgplan.planning.case.records import Case, Microgrid
from cmgplan.planning.model.schedule import VariableBounds, curtailed_kw, unserved_kw
from cmgplan.planning.model.schedule_model import (
    ByHour,
    DeviceKey,
    ScheduleModel,
    committed,
    on_feeder,
)
from cmgplan.planning.model.switches import SwitchHours

Key = TypeVar("Key")

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
    dev, zero = m.dev, np.zeros(len(m.T))
    storing = [key for key, device in m.free.items() if device.stores]
    responding = [key for key, device in m.free.items() if device.responds]
    ids = [mg.id for mg in case.microgrids]
    serving = {mg.id: mg.load for mg in case.microgrids if _is_free(m, mg)}
    none: ByHour = dict.fromkeys(m.T, 0.0)
    p_sub, q_sub, loss = (m.p_sub, m.q_sub, m.loss) if on_feeder(m) else (none, none, none)

    return Operation(
        p_kw=_series(m, m.DEV, lambda key, t: dev[key].p_inj[t]),
        q_kvar=_series(m, m.DEV, lambda key, t: dev[key].q_inj[t]),
        charge_kw=_series(m, storing, lambda key, t: dev[key].charge[t]),
        discharge_kw=_series(m, storing, lambda key, t: dev[key].discharge[t]),
        soc_kwh=_series(m, storing, lambda key, t: dev[key].soc[t]),
        p_tie_kw=_series(m, m.TIE, lambda e, t: m.p_tie[e, t]),
        q_tie_kvar=_series(m, m.TIE, lambda e, t: m.q_tie[e, t]),
        tie_loss_kw=dict.fromkeys(m.TIE, zero) | _series(m, m.LOSSY, lambda e, t: m.tie_loss[e, t]),
        p_pcc_kw=_series(m, ids, lambda mg, t: m.p_pcc[mg, t]),
        q_pcc_kvar=_series(m, ids, lambda mg, t: m.q_pcc[mg, t]),
        unserved_kw=dict.fromkeys(ids, zero)
        | _series(m, serving, lambda mg, t: unserved_kw(m, case, mg, t)),
        unserved_kvar=dict.fromkeys(ids, zero)
        | _series(
            m,
            serving,
            lambda mg, t: pyo.quicksum(dev[mg, load.id].unserved_q[t] for load in serving[mg]),
        ),
        curtailed_kw=_series(m, ids, lambda mg, t: curtailed_kw(m, case, mg, t)),
        on=_series(m, committed(m), lambda key, t: dev[key].on[t]),
        closed={switch: np.array(hours) for switch, hours in closed.items()},
        gc_usd=float(m.f1.value),
        ec_usd=float(m.f2.value),
        loss_kwh=float(m.f3.value),
        p_sub_kw=_values(m, lambda t: p_sub[t]),
        q_sub_kvar=_values(m, lambda t: q_sub[t]),
        feeder_loss_kw=_values(m, lambda t: loss[t]),
        gamma=_series(m, responding, lambda key, t: dev[key].gamma[t]),
    )


def _values(m: ScheduleModel, part: Callable[[int], Any]) -> FloatArray:
    """Return the values of a part of a solved model by hour, shape (T,)."""
    return np.asarray([float(pyo.value(part(t))) for t in m.T], dtype=np.float64)


def _series(
    m: ScheduleModel, keys: Iterable[Key], part: Callable[[Key, int], Any]
) -> dict[Key, FloatArray]:
    """Return the values of a part of a solved model by key and hour, arrays of shape (T,)."""
    return {key: _values(m, partial(part, key)) for key in keys}


def _is_free(m: ScheduleModel, mg: Microgrid) -> bool:
    """Whether a microgrid's loads are variables of the model and no constants."""
    return all((mg.id, load.id) in m.free for load in mg.load)


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
