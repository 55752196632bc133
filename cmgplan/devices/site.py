"""The devices of one place, summed over by what they can do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyomo.environ as pyo

from cmgplan.arrays import FloatArray
from cmgplan.devices.base import Carrier, Device, Forecasts
from cmgplan.devices.store import Store

SUMMED = ("p_inj", "q_inj", "heat_inj", "fuel")


@dataclass(frozen=True)
class Site:
    """A home: an id and its devices, whatever their kinds."""

    id: str
    devices: Sequence[Device]

    @property
    def carriers(self) -> frozenset[Carrier]:
        """Carriers that any of the devices gives or takes."""
        return frozenset[Carrier]().union(*(device.carriers for device in self.devices))

    def stores(self, carrier: Carrier | None = None) -> Iterator[Store]:
        """Yield the devices that store, of one carrier where one is named."""
        for device in self.devices:
            if isinstance(device, Store) and (carrier is None or carrier in device.carriers):
                yield device

    def can_curtail(self) -> Iterator[Device]:
        """Yield the devices that may deliver less than they could."""
        return (device for device in self.devices if device.can_curtail)

    def of_kind(self, kind: str) -> Iterator[Device]:
        """Yield the devices of a kind, as case.toml names it."""
        return (device for device in self.devices if device.kind == kind)

    def wants_binary(self, h: Forecasts) -> bool:
        """Return whether the block of any device has a binary variable."""
        return any(device.wants_binary(h) for device in self.devices)

    def power_range(self, h: Forecasts) -> tuple[FloatArray, FloatArray]:
        """Return the least and the greatest injection of electricity, kW, each of shape (T,)."""
        return self._range(h, lambda device: device.power_range(h))

    def heat_range(self, h: Forecasts) -> tuple[FloatArray, FloatArray]:
        """Return the least and the greatest injection of heat, kW, each of shape (T,)."""
        return self._range(h, lambda device: device.heat_range(h))

    def _range(
        self, h: Forecasts, of: Callable[[Device], tuple[FloatArray, FloatArray]]
    ) -> tuple[FloatArray, FloatArray]:
        low, high = np.zeros(h.hours), np.zeros(h.hours)
        for device in self.devices:
            least, most = of(device)
            low, high = low + least, high + most
        return low, high

    def add_to(self, b: pyo.Block, h: Forecasts) -> None:
        """Add a block ``device[k]`` for each device, and their sums, to block ``b``.

        ``k`` counts the devices from 0, so that ``b.device[k]`` belongs to ``devices[k]``. The
        sums are ``p_inj[t]``, ``q_inj[t]``, ``heat_inj[t]`` (kW, kvar into the home), ``fuel[t]``
        (kW of gas taken) and ``money`` (currency over the horizon).
        """
        b.device = pyo.Block(range(len(self.devices)))
        for k, device in enumerate(self.devices):
            device.add_to(b.device[k], h)
        for name in SUMMED:
            total = pyo.Expression(
                h.steps,
                rule=lambda b, t, name=name: pyo.quicksum(
                    b.device[k].component(name)[t] for k in b.device
                ),
            )
            b.add_component(name, total)
        b.money = pyo.Expression(expr=pyo.quicksum(b.device[k].money for k in b.device))
