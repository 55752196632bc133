"""Heat of homes in one hour (paper, Figs. 3b and 4b): no heat moves to other hours.

Sun and engines serve first, stores take what they leave. Under price the tank then comes before
the boilers, which have no limit; under emission and both boilers come first, within Emax. Where
homes share heat, surplus goes to neighbours before boilers run, and spare boilers serve
neighbours at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cmgplan.devices import GasBoiler
from cmgplan.response.case.emission import output_range_kw
from cmgplan.response.rules.electric import for_heat_kw
from cmgplan.response.rules.plant import Heater
from cmgplan.response.rules.state import NOTHING_KW, HomeDay, fuel_of
from cmgplan.response.rules.stores import (
    can_give_kw,
    can_take_kw,
    forgo_refill,
    give,
    must_take_kw,
    take,
)
from cmgplan.response.rules.trade import pro_rata

Room = Callable[[int], float]
"""How much more electricity a home, by its position, can have or get rid of in the hour, kW."""


def heat_hour(
    days: Sequence[HomeDay], t: int, shared: bool, room_kw: Room, outlet_kw: Room
) -> None:
    """Serve the heat of all homes in an hour; what is left lacking is not served."""
    for day in days:
        store_surplus(day, t)
    if shared:
        share_surplus(days, t)
    for k, day in enumerate(days):
        if day.plant.policy.policy in ("emission", "both"):
            run_heaters(day, k, t, room_kw)
            draw_tanks(day, t)
        else:
            draw_tanks(day, t)
            run_heaters(day, k, t, room_kw)
        draw_tanks(day, t, to_the_reserve=True)
    if shared:
        for k, day in enumerate(days):
            lacking = sum(max(_short(other, t), 0.0) for other in days if other is not day)
            run_heaters(day, k, t, room_kw, for_others_kw=lacking)
            share_surplus(days, t)
    for k, day in enumerate(days):
        others = [other for other in days if shared and other is not day]
        lacking = sum(max(_short(other, t), 0.0) for other in others)
        engines_for_heat(day, t, lacking, outlet_kw(k))
        share_surplus(days if shared else [], t)
    for day in days:
        leave_unserved(day, t)
        day.dumped_kw[t] = max(-_short(day, t), 0.0)


def _short(day: HomeDay, t: int) -> float:
    """Return the heat that a home lacks after what it has of the pool, kW."""
    return day.heat_short_kw(t) + float(day.pool_heat_kw[t])


def store_surplus(day: HomeDay, t: int) -> None:
    """Let tanks take heat that is left, eq. (37)."""
    for tank in day.plant.tanks:
        power = min(-_short(day, t), can_take_kw(day, tank, t))
        if power > NOTHING_KW:
            take(day, tank, t, power)


def share_surplus(days: Sequence[HomeDay], t: int) -> None:
    """Give heat that is left to homes that lack it, pro rata."""
    given = pro_rata([-_short(day, t) for day in days])
    for day, power in zip(days, given, strict=True):
        day.pool_heat_kw[t] += power


def draw_tanks(day: HomeDay, t: int, to_the_reserve: bool = False) -> None:
    """Let tanks give what is lacking, eq. (36)."""
    for tank in day.plant.tanks:
        power = min(_short(day, t), can_give_kw(day, tank, t, to_the_reserve))
        if power > NOTHING_KW:
            give(day, tank, t, power)


def run_heaters(
    day: HomeDay, position: int, t: int, room_kw: Room, for_others_kw: float = 0.0
) -> None:
    """Run boilers and pumps for what is lacking: gas within Emax, electric on what can be had."""
    for heater in day.plant.heater_order[t]:
        wanted = _short(day, t) + for_others_kw
        made = float(day.heater_kw[heater.id][t])
        if wanted > NOTHING_KW:
            most = _most_kw(day, position, heater, t, room_kw)
            day.heater_kw[heater.id][t] = max(min(made + wanted, most), made)


def engines_for_heat(day: HomeDay, t: int, for_others_kw: float, outlet_kw: float) -> None:
    """Let engines make more for heat that is still lacking, as far as their power has an outlet."""
    for engine in day.plant.engines:
        wanted = float(day.pool_heat_kw[t]) + for_others_kw
        made, most = float(day.engine_kw[engine.id][t]), day.most_kw(engine, t)
        if _short(day, t) + for_others_kw <= NOTHING_KW or most is None:
            continue
        extra_kw = engine.efficiency_heat * day.fuel_kw(engine, t)
        power = for_heat_kw(day, engine, t, wanted + extra_kw)
        power = min(max(power, output_range_kw(engine)[0]), most)
        if NOTHING_KW < power - made <= outlet_kw and fuel_of(engine, power) > 0.0:
            day.engine_kw[engine.id][t] = power
            outlet_kw -= power - made


def _most_kw(day: HomeDay, position: int, heater: Heater, t: int, room_kw: Room) -> float:
    """Return the most heat of a heater in an hour, kW."""
    if isinstance(heater, GasBoiler):
        return day.most_kw(heater, t) or 0.0
    ratio = float(heater.heat_per_power(day.plant.hours)[t])
    made = float(day.heater_kw[heater.id][t])
    return min(heater.heat_max_kw, made + ratio * max(room_kw(position), 0.0))


def leave_unserved(day: HomeDay, t: int) -> None:
    """Leave heat load unserved for what nothing serves; beyond it, tanks take less."""
    lacking = _short(day, t)
    if lacking <= NOTHING_KW:
        return
    for tank in day.plant.tanks:  # what a tank takes beyond its reserve
        keep = must_take_kw(day, tank, t)
        lacking -= forgo_refill(day, tank, t, lacking, keep)
    total = float(day.plant.heat_load_kw[t])
    left = min(lacking, total)
    for load in day.plant.heat_loads:
        share = float(load.base_kw(day.plant.hours)[t]) / total if total > 0.0 else 0.0
        day.unserved_kw[load.id][t] = left * share
    lacking -= left
    for tank in day.plant.tanks:
        lacking -= forgo_refill(day, tank, t, lacking, 0.0)
