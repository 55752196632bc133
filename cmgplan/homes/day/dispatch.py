"""One day of homes as it was run: what every device did, and what homes exchanged.

Every way to run a day (the one-owner optimum, a market, rules, heuristics) ends in this record;
tables, accounts, checks and figures are made from it alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cmgplan.arrays import FloatArray
from cmgplan.devices import Flows

DeviceKey = tuple[str, str]
"""Ids of home and device."""


@dataclass(frozen=True)
class Shift:
    """What moved of a load, and what nothing served of it, kW, each of shape (T,)."""

    up_kw: FloatArray
    down_kw: FloatArray
    unserved_kw: FloatArray


@dataclass(frozen=True)
class Exchange:
    """What a home exchanges, kW, each of shape (T,).

    ``pool_kw`` and ``pool_heat_kw`` are positive into the pool; imports and exports are those
    from and to the retailer, never negative.
    """

    import_kw: FloatArray
    export_kw: FloatArray
    pool_kw: FloatArray
    pool_heat_kw: FloatArray


@dataclass(frozen=True)
class Dispatch:
    """A day of homes.

    Attributes
    ----------
    flows
        Flows of every device; those of a load are what is served of it (negative).
    state
        Stored energy in kWh at the end of each hour, shape (T,), of devices that store.
    shifts
        By load: what arrived, left and was not served.
    exchange
        By home.
    dumped_kw
        By home: heat that nothing takes, kW, shape (T,).
    backstop_kw
        By home: electricity and heat from nowhere, kW, shape (2, T), of homes that could not do
        what they must without; it counts as load that nothing serves.
    """

    flows: Mapping[DeviceKey, Flows]
    state: Mapping[DeviceKey, FloatArray]
    shifts: Mapping[DeviceKey, Shift]
    exchange: Mapping[str, Exchange]
    dumped_kw: Mapping[str, FloatArray] = field(default_factory=dict)
    backstop_kw: Mapping[str, FloatArray] = field(default_factory=dict)
