"""How a day by the rules used its plant: the items of the paper's Table 5."""

from __future__ import annotations

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.building.model.state import DayState

LEAST_KW = 1e-9
"""Power from which a store counts as charging or discharging."""


def indicators(day: DayState) -> dict[str, float | None]:
    """Return the items of Table 5 that are no totals of the day; None where there is none of it.

    Shares lie in 0..1, energies are in kWh. Of batteries: ``battery_used_share`` is what they
    gave, to load and for sale, of what they were charged with; ``battery_charging_h`` and
    ``battery_discharging_h`` are hours in which any does so, ``battery_discharge_kw`` the mean of
    all together in the latter; ``battery_mean_soc`` is over batteries and hours, by capacity.
    Of sales: ``offered_kwh`` is what CHPs and batteries could have given, ``sold_share`` what was
    taken of it. ``car_dearest_share`` and ``car_second_share`` are parts of what cars gave in the
    two dearest hours in which they gave. Of heat: what T2 exchanged, and what boilers and heat
    pumps made for their own unit and for others.
    """
    return {**_batteries(day), **_sales(day), **_cars(day), **_heat(day)}


def _batteries(day: DayState) -> dict[str, float | None]:
    """Return how batteries were used."""
    stores, dt_h = day.batteries, day.plant.dt_h
    beyond = stores.p_kw + stores.standing_kw
    charge, discharge = np.maximum(-beyond, 0.0), np.maximum(beyond, 0.0)
    filled, given = dt_h * float(charge.sum()), dt_h * float(discharge.sum())
    discharging = discharge.sum(axis=0) > LEAST_KW
    hours = dt_h * int(discharging.sum())
    capacity = float(stores.data.capacity_kwh.sum())
    mean = float(stores.energy_kwh.sum(axis=0).mean()) if capacity else 0.0
    return {
        "battery_used_share": _ratio(given, filled),
        "battery_charging_h": dt_h * int((charge.sum(axis=0) > LEAST_KW).sum()),
        "battery_discharging_h": hours,
        "battery_discharge_kw": _ratio(given, hours),
        "battery_mean_soc": _ratio(mean, capacity),
        "battery_left_kwh": float(stores.energy_kwh[:, -1].sum()),
    }


def _sales(day: DayState) -> dict[str, float | None]:
    """Return what was offered and what was sold of it; the offer follows from the share taken."""
    taken, sales = day.plant.terms.taken, day.sales
    sold = (sales.engine_kw + sales.battery_kw).sum(axis=0)
    offered = np.divide(sold, taken, out=np.zeros(len(sold)), where=taken > 0.0)
    kwh = [day.plant.dt_h * float(values.sum()) for values in (sold, offered)]
    return {"sold_kwh": kwh[0], "offered_kwh": kwh[1], "sold_share": _ratio(kwh[0], kwh[1])}


def _cars(day: DayState) -> dict[str, float | None]:
    """Return what cars gave, and the parts of it in the two dearest hours."""
    by_hour: FloatArray = day.steps["E8"].p_kw.sum(axis=0)
    total = float(by_hour.sum())
    hours = [t for t in day.plant.terms.order if by_hour[t] > LEAST_KW]
    parts = [_ratio(float(by_hour[t]), total) for t in hours[:2]] + [None, None]
    return {
        "car_kwh": day.plant.dt_h * total,
        "car_dearest_share": parts[0],
        "car_second_share": parts[1],
    }


def _heat(day: DayState) -> dict[str, float | None]:
    """Return heat of CHPs, and heat for the own unit and for others."""
    dt_h, engines, steps = day.plant.dt_h, day.plant.engines, day.steps
    exchanged = float(np.maximum(steps["T2"].pool_heat_kw, 0.0).sum())
    # In T4 nobody gives others while short itself: what is put into the pool is for others.
    others = float(np.maximum(steps["T4"].pool_heat_kw, 0.0).sum())
    made = float(steps["T4"].heat_kw.sum())
    return {
        "chp_heat_kwh": dt_h * float(engines.heat_kw(day.engine_kw).sum()),
        "heat_exchanged_kwh": dt_h * exchanged,
        "boiler_own_kwh": dt_h * (made - others),
        "boiler_others_kwh": dt_h * others,
        "tank_others_kwh": dt_h * float(steps["T5"].heat_kw.sum()),
    }


def _ratio(part: float, whole: float) -> float | None:
    """Return a share, None of nothing."""
    return part / whole if whole > 0.0 else None
