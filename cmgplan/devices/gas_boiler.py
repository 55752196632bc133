"""Gas boiler."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import pyomo.environ as pyo

from cmgplan.arrays import FloatArray
from cmgplan.devices.base import (
    OFF_KW,
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
from cmgplan.devices.emission import Emission


class GasBoiler(Device):
    """Gas boiler: market eqs. (21), (22), response eqs. (60), (62) and (65).

    ``heat_max_kw`` is heat. Only a fixed emission makes it on or off.
    """

    kind: ClassVar[str] = "gas_boiler"
    heat_max_kw: NonNegative
    efficiency: Efficiency
    emission: Emission | None = None

    @property
    def carriers(self) -> frozenset[Carrier]:
        """Carriers that the device may give or take."""
        return frozenset({"heat", "fuel"})

    @property
    def on_or_off(self) -> bool:
        """Whether it makes a difference that it is on."""
        return self.emission is not None and self.emission.fixed > 0.0

    def wants_binary(self, h: Forecasts) -> bool:
        """Return whether the block has a binary variable."""
        return self.on_or_off

    def heat_range(self, h: Forecasts) -> tuple[FloatArray, FloatArray]:
        """Return the least and the greatest injection of heat, kW, each of shape (T,)."""
        return np.zeros(h.hours), h.series(self.heat_max_kw)

    def add_to(self, b: pyo.Block, h: Forecasts) -> None:
        """Add market eqs. (21), (22); with a fixed emission, a binary ``on[t]``."""
        b.heat = pyo.Var(h.steps, bounds=(0.0, self.heat_max_kw))
        if self.on_or_off:
            b.on = pyo.Var(h.steps, domain=pyo.Binary)

            @b.Constraint(h.steps, doc="heat when on, kW, response (60)")
            def only_when_on(b: pyo.Block, t: int) -> object:
                return b.heat[t] <= self.heat_max_kw * b.on[t]

        b.heat_inj = pyo.Expression(h.steps, rule=lambda b, t: b.heat[t])
        b.fuel = pyo.Expression(
            h.steps,
            rule=lambda b, t: b.heat[t] / self.efficiency,
            doc="gas, kW, market (22), response (62)",
        )
        if self.emission is not None:
            self.emission.add_to(b, h, "heat_inj", self.heat_max_kw)
        complete(b, h)

    def binaries(self, b: Any, h: Forecasts, flows: Flows) -> Iterator[tuple[Any, float]]:
        """Yield each binary variable of block ``b`` with the value that it has in a dispatch."""
        if self.on_or_off:
            yield from ((b.on[t], float(flows.heat_kw[t] > OFF_KW)) for t in h.steps)

    def simulate_flows(self, h: Forecasts, flows: Flows) -> Trace:
        """Step through the day; see ``Device.simulate_flows``."""
        heat = flows.heat_kw
        kg = None
        if self.emission is not None:
            on = (heat > OFF_KW).astype(np.float64)
            kg = h.dt_h * self.emission.exact_kg_per_h(heat, on)
        return Trace(
            emission_kg=kg,
            breaches=[
                *breaches("heat_max_kw", heat - self.heat_max_kw),
                *breaches("heat_min_kw", -heat),
                *breaches("efficiency", np.abs(flows.fuel_kw - heat / self.efficiency)),
                *breaches("unity power factor", np.abs(flows.q_kvar)),
                *self.idle(flows),
            ],
        )
