"""Plants that deliver up to what wind or sun offer, and may be curtailed."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyomo.environ as pyo

from cmgplan.arrays import FloatArray
from cmgplan.devices.base import (
    Breach,
    Device,
    Flows,
    Forecasts,
    Id,
    NonNegative,
    Trace,
    breaches,
    complete,
)
from cmgplan.units import column_unit


def available_in_unit(h: Forecasts, most_kw: float, forecast: str) -> FloatArray:
    """Return what a plant of a home can deliver in each hour, kW, shape (T,).

    A forecast whose name ends in its unit is in kW, and what is above the rating is lost; any
    other is a share of the rating.
    """
    column = h.profile(forecast)
    if column_unit(forecast).unit == "kW":
        return np.asarray(np.minimum(column, most_kw))
    return np.asarray(most_kw * column)


class Renewable(Device):
    """Electric plant under its forecast: planning eqs. (17), (19)."""

    can_curtail: ClassVar[bool] = True
    column_keys: ClassVar[tuple[str, ...]] = ("forecast",)
    p_max_kw: NonNegative
    forecast: Id

    def available_kw(self, h: Forecasts) -> FloatArray:
        """Return the power that the forecast allows, kW, shape (T,)."""
        return self.p_max_kw * h.profile(self.forecast)

    def power_range(self, h: Forecasts) -> tuple[FloatArray, FloatArray]:
        """Return the least and the greatest injection of electricity, kW, each of shape (T,)."""
        return np.zeros(h.hours), self.available_kw(h)

    def add_power(self, b: pyo.Block, h: Forecasts) -> None:
        """Add the power ``p[t]`` under the forecast, and what is curtailed of it."""
        available = self.available_kw(h)
        b.p = pyo.Var(h.steps, bounds=lambda b, t: (0.0, float(available[t])))
        b.p_inj = pyo.Expression(h.steps, rule=lambda b, t: b.p[t])
        b.curtailed = pyo.Expression(h.steps, rule=lambda b, t: float(available[t]) - b.p[t])

    def beyond(self, h: Forecasts, p_kw: FloatArray) -> list[Breach]:
        """Return the hours in which a power is not between zero and the forecast."""
        return [
            *breaches("forecast", p_kw - self.available_kw(h)),
            *breaches("p_min_kw", -p_kw),
        ]


class HomePlant(Renewable):
    """Electric plant of a home, at unity power factor and free of cost."""

    def available_kw(self, h: Forecasts) -> FloatArray:
        """Return the power that the forecast allows, kW, shape (T,)."""
        return available_in_unit(h, self.p_max_kw, self.forecast)

    def add_to(self, b: pyo.Block, h: Forecasts) -> None:
        """Add power under the forecast: market eq. (13), response eq. (45)."""
        self.add_power(b, h)
        complete(b, h)

    def simulate_flows(self, h: Forecasts, flows: Flows) -> Trace:
        """Step through the day; see ``Device.simulate_flows``."""
        return Trace(
            breaches=[
                *self.beyond(h, flows.p_kw),
                *breaches("unity power factor", np.abs(flows.q_kvar)),
                *self.idle(flows),
            ]
        )
