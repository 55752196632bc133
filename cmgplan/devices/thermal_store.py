"""Hot-water tank or other store of heat."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

import pyomo.environ as pyo

from cmgplan.arrays import FloatArray
from cmgplan.devices.base import (
    Carrier,
    Conflict,
    Efficiency,
    Forecasts,
    NonNegative,
    Positive,
    Share,
    complete,
)
from cmgplan.devices.store import HomeStore
from cmgplan.units import KWH_PER_M3_K


class ThermalStore(HomeStore):
    """Store of heat: market eqs. (26)-(30), response eqs. (33)-(38).

    Its size is ``energy_kwh``, or the ``volume_m3`` of water and the ``delta_t_k`` between full
    and empty: exactly one of the two ways. ``retention_per_h`` is the share of the stored heat
    that is kept after one hour. The day ends with at least ``soc_end``, which defaults to
    ``soc_start``.
    """

    kind: ClassVar[str] = "thermal_store"
    prefix: ClassVar[Literal["p", "heat"]] = "heat"
    energy_kwh: Positive | None = None
    volume_m3: Positive | None = None
    delta_t_k: Positive | None = None
    heat_charge_max_kw: NonNegative
    heat_discharge_max_kw: NonNegative
    soc_min: Share = 0.0
    soc_max: Share = 1.0
    efficiency_charge: Efficiency = 1.0
    efficiency_discharge: Efficiency = 1.0
    retention_per_h: Efficiency = 1.0

    @property
    def carriers(self) -> frozenset[Carrier]:
        """Carriers that the device may give or take."""
        return frozenset({"heat"})

    @property
    def capacity_kwh(self) -> float:
        """Heat that a state of charge of 1 stands for, kWh."""
        if self.energy_kwh is not None:
            return self.energy_kwh
        return KWH_PER_M3_K * (self.volume_m3 or 0.0) * (self.delta_t_k or 0.0)

    @property
    def charge_limit_kw(self) -> float:
        """Greatest heat that it takes, kW at its terminals."""
        return self.heat_charge_max_kw

    @property
    def discharge_limit_kw(self) -> float:
        """Greatest heat that it gives, kW at its terminals."""
        return self.heat_discharge_max_kw

    @property
    def kept_per_h(self) -> float:
        """Share of the stored heat that is kept after one hour."""
        return self.retention_per_h

    def heat_range(self, h: Forecasts) -> tuple[FloatArray, FloatArray]:
        """Return the least and the greatest injection of heat, kW, each of shape (T,)."""
        return h.series(-self.heat_charge_max_kw), h.series(self.heat_discharge_max_kw)

    def conflicts(self) -> Iterator[Conflict]:
        """Yield what is wrong with its size and with the window of the state of charge."""
        size = [key for key in ("volume_m3", "delta_t_k") if getattr(self, key) is not None]
        if self.energy_kwh is not None and size:
            message = f"energy_kwh and {' and '.join(size)} both say its size"
            yield Conflict("energy_kwh", message, "keep energy_kwh, or volume_m3 and delta_t_k")
        elif self.energy_kwh is None and len(size) < 2:
            mend = "give energy_kwh, or volume_m3 and delta_t_k"
            yield Conflict("energy_kwh", "its size is missing", mend)
        yield from super().conflicts()

    def add_to(self, b: pyo.Block, h: Forecasts) -> None:
        """Add powers, stored heat and its balance: market (26)-(30), response (33)-(38)."""
        self.add_store(b, h)
        b.heat_inj = pyo.Expression(h.steps, rule=lambda b, t: b.discharge[t] - b.charge[t])
        complete(b, h)
