"""A day of a case as one way to run it left it, with the prices that were paid in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.devices import HomeLoad
from cmgplan.homes.accounts.ledger import Carrier
from cmgplan.homes.case.records import HomeBase, HomesCase
from cmgplan.homes.day.dispatch import Dispatch


@dataclass(frozen=True)
class Day:
    """A day of a case by one way to run it, and the prices between and beside the homes.

    Attributes
    ----------
    way
        What ran, as in the column ``way``.
    dispatch
        What every device and home does; the homes that took part are those of its exchange.
    pool_per_kwh
        By carrier: price of trade between homes, currency/kWh, shape (T,). A carrier without a
        price is traded without payment.
    emission_weight
        Price that is put on emissions, currency/kg; 0 puts none.
    unserved_per_kwh
        By carrier: value of load that nothing serves, shape (T,), where it is not the case's.
    emission_amounts
        By carrier: what emissions of each home count for where they have no common price,
        currency, shape (T, homes), in the order of the homes that took part.
    backstopped
        Homes that may take power from nowhere, at that value.
    """

    way: str
    dispatch: Dispatch
    pool_per_kwh: Mapping[Carrier, FloatArray] | None = None
    emission_weight: float = 0.0
    unserved_per_kwh: Mapping[Carrier, FloatArray] | None = None
    emission_amounts: Mapping[Carrier, FloatArray] | None = None
    backstopped: tuple[str, ...] = ()

    def unserved_values(self, case: HomesCase) -> Mapping[Carrier, FloatArray]:
        """Return the value of load that nothing serves by carrier, currency/kWh, shape (T,)."""
        pool = case.file.pool
        return {
            "electricity": case.series(pool.unserved_electricity_per_kwh),
            "heat": case.series(pool.unserved_heat_per_kwh),
            **(self.unserved_per_kwh or {}),
        }

    def homes(self, case: HomesCase) -> tuple[HomeBase, ...]:
        """Return the homes that took part, in the order of the case."""
        return tuple(home for home in case.homes if home.id in self.dispatch.exchange)


def loads_of(home: HomeBase) -> list[HomeLoad]:
    """Return the loads of a home."""
    return [device for device in home.devices() if isinstance(device, HomeLoad)]


def by_home(arrays: Sequence[FloatArray], hours: int) -> FloatArray:
    """Return arrays of shape (T,) side by side, shape (T, arrays)."""
    return np.column_stack(arrays) if arrays else np.zeros((hours, 0))
