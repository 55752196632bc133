"""Plants that make heat of electricity: what boiler and heat pump share, and the boiler."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
import pyomo.environ as pyo

from cmgplan.arrays import FloatArray
from cmgplan.devices.base import (
    Carrier,
    Device,
    Efficiency,
    Flows,
    Forecasts,
    NonNegative,
    Trace,
    breaches,
    complete,
)


class ElectricHeat(Device):
    """Plant that makes ``heat_per_power`` kWh of heat of each kWh of electricity."""

    ratio_key: ClassVar[str]
    """Key of the record that holds heat per power."""
    heat_max_kw: NonNegative

    @property
    def carriers(self) -> frozenset[Carrier]:
        """Carriers that the device may give or take."""
        return frozenset({"electricity", "heat"})

    @abstractmethod
    def heat_per_power(self, h: Forecasts) -> FloatArray:
        """Return heat over electricity in each hour, shape (T,)."""

    def power_range(self, h: Forecasts) -> tuple[FloatArray, FloatArray]:
        """Return the least and the greatest injection of electricity, kW, each of shape (T,)."""
        return -self.heat_max_kw / self.heat_per_power(h), np.zeros(h.hours)

    def heat_range(self, h: Forecasts) -> tuple[FloatArray, FloatArray]:
        """Return the least and the greatest injection of heat, kW, each of shape (T,)."""
        return np.zeros(h.hours), h.series(self.heat_max_kw)

    def add_to(self, b: pyo.Block, h: Forecasts) -> None:
        """Add market eqs. (15), (16) of a boiler, (18), (19) of a heat pump."""
        ratio = self.heat_per_power(h)
        b.heat = pyo.Var(h.steps, bounds=(0.0, self.heat_max_kw))
        b.heat_inj = pyo.Expression(h.steps, rule=lambda b, t: b.heat[t])
        b.p_inj = pyo.Expression(
            h.steps,
            rule=lambda b, t: -b.heat[t] / float(ratio[t]),
            doc="electricity, kW, market (15), (18)",
        )
        complete(b, h)

    def simulate_flows(self, h: Forecasts, flows: Flows) -> Trace:
        """Step through the day; see ``Device.simulate_flows``."""
        heat = flows.heat_kw
        return Trace(
            breaches=[
                *breaches("heat_max_kw", heat - self.heat_max_kw),
                *breaches("heat_min_kw", -heat),
                *breaches(self.ratio_key, np.abs(-flows.p_kw - heat / self.heat_per_power(h))),
                *breaches("unity power factor", np.abs(flows.q_kvar)),
                *self.idle(flows),
            ],
        )


class ElectricBoiler(ElectricHeat):
    """Electric boiler: market eqs. (15), (16)."""

    kind: ClassVar[str] = "electric_boiler"
    ratio_key: ClassVar[str] = "efficiency"
    efficiency: Efficiency

    def heat_per_power(self, h: Forecasts) -> FloatArray:
        """Return heat over electricity in each hour, shape (T,)."""
        return h.series(self.efficiency)
