"""Electricity of one home in one hour: the flowcharts of the three policies (paper, Figs. 3-5).

Each function is one box of a flowchart and works on what is still lacking when it is reached.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from cmgplan.devices import CombinedHeatPower
from cmgplan.devices.electric_boiler import ElectricHeat
from cmgplan.response.case.emission import output_range_kw
from cmgplan.response.rules.shifting import serve_backlog, shift_later
from cmgplan.response.rules.state import NOTHING_KW, HomeDay, fuel_of
from cmgplan.response.rules.stores import can_give_kw, can_take_kw, give, refill, take

Follows = Literal["load", "heat"]
"""What sets the output of an engine: the lacking electricity, or at least the lacking heat."""


def electric_hour(day: HomeDay, t: int, follows: Follows = "load") -> None:
    """Run the electric side of a home by its policy, up to what is left to its neighbours."""
    if not day.plant.policy.dear[t]:
        serve_backlog(day, t)
    refill(day, day.plant.batteries, t)
    refill(day, day.plant.tanks, t)  # their heat may be an engine's set point
    if day.short_kw(t) > NOTHING_KW:
        BRANCHES[day.plant.policy.policy](day, t, follows)
    if day.short_kw(t) < -NOTHING_KW:
        use_surplus(day, t)


def by_price(day: HomeDay, t: int, follows: Follows) -> None:
    """DRP, Fig. 3a: engine, store, then load moves to cheaper hours."""
    run_engines(day, t, follows)
    discharge(day, t)
    shift(day, t)


def by_emission(day: HomeDay, t: int, follows: Follows) -> None:
    """DRE, Fig. 4a: as by price, the engine within Emax and load moving to cleaner hours."""
    run_engines(day, t, follows)
    discharge(day, t)
    shift(day, t)


def by_both(day: HomeDay, t: int, follows: Follows) -> None:
    """DRPE, Fig. 5: in dear hours store and shift before the engine, in cheap ones the engine.

    The text leaves open what serves the rest of a dear hour; here the engine within Emax does.
    """
    if day.plant.policy.dear[t]:
        discharge(day, t)
        shift(day, t)
        run_engines(day, t, follows)
    else:
        run_engines(day, t, follows)
        discharge(day, t)


def without_response(day: HomeDay, t: int, follows: Follows) -> None:
    """Run a home without a policy: engine, then store; no load moves."""
    run_engines(day, t, follows)
    discharge(day, t)


BRANCHES: dict[str, Callable[[HomeDay, int, Follows], None]] = {
    "price": by_price,
    "emission": by_emission,
    "both": by_both,
    "none": without_response,
}


def run_engines(day: HomeDay, t: int, follows: Follows = "load") -> None:
    """Start engines where more is lacking than the least that they make, eqs. (50)-(52), (57).

    An engine makes what is lacking, within its range and within Emax; where it follows heat it
    makes at least as much as serves the lacking heat, and may leave a surplus. What electric
    heat will draw counts as lacking, less what the engine's own heat spares of it.
    """
    for engine in day.plant.engines:
        short, least = _short_with_pumps_kw(day, engine, t), output_range_kw(engine)[0]
        if short <= max(least, NOTHING_KW):
            continue
        wanted = max(short, for_heat_kw(day, engine, t)) if follows == "heat" else short
        most = day.most_kw(engine, t)
        if most is not None:
            day.engine_kw[engine.id][t] = min(max(wanted, least), most)


def for_heat_kw(day: HomeDay, engine: CombinedHeatPower, t: int, wanted_kw: float = 0.0) -> float:
    """Return the electricity of an engine that serves the lacking heat and more, kW, eq. (52)."""
    lacking = day.heat_short_kw(t) + wanted_kw
    if engine.efficiency_heat <= 0.0 or lacking <= 0.0:
        return 0.0
    return engine.efficiency_electric * lacking / engine.efficiency_heat + engine.offset_kw


def _short_with_pumps_kw(day: HomeDay, engine: CombinedHeatPower, t: int) -> float:
    """Return what is lacking with what electric heat will draw, kW.

    Each kWh of the engine spares electric heat the draw of the heat that comes with it.
    """
    short, heat = day.short_kw(t), max(day.heat_short_kw(t), 0.0)
    drawn, spared = 0.0, 0.0
    for heater in day.plant.heater_order[t]:
        if isinstance(heater, ElectricHeat):
            ratio = float(heater.heat_per_power(day.plant.hours)[t])
            made = min(heat, heater.heat_max_kw)
            drawn += made / ratio
            spared = engine.efficiency_heat / engine.efficiency_electric / ratio
        else:
            made = min(heat, day.most_kw(heater, t) or 0.0)
        heat -= made
        if heat <= NOTHING_KW:
            break
    return (short + drawn) / (1.0 + spared) if drawn > NOTHING_KW else short


def discharge(day: HomeDay, t: int) -> None:
    """Let batteries give what is lacking, eqs. (24), (26)."""
    for battery in day.plant.batteries:
        power = min(day.short_kw(t), can_give_kw(day, battery, t))
        if power > NOTHING_KW:
            give(day, battery, t, power)


def shift(day: HomeDay, t: int) -> None:
    """Let load leave the hour for what is still lacking, eq. (68)."""
    short = day.short_kw(t)
    if short > NOTHING_KW:
        shift_later(day, t, short)


def use_surplus(day: HomeDay, t: int) -> None:
    """Charge batteries with a surplus, then serve the backlog with it; the rest is for sale."""
    for battery in day.plant.batteries:
        power = min(-day.short_kw(t), can_take_kw(day, battery, t))
        if power > NOTHING_KW:
            take(day, battery, t, power)
    surplus = -day.short_kw(t)
    if surplus > NOTHING_KW:
        serve_backlog(day, t, surplus)


def raise_supply(day: HomeDay, t: int, wanted_kw: float, takes_surplus: bool) -> None:
    """Serve what neither neighbours nor retailer can: batteries beyond the rules, then engines.

    Batteries give down to their reserve in any hour; engines start or make more within Emax,
    above what is wanted only where something ``takes_surplus``.
    """
    rest = wanted_kw
    for battery in day.plant.batteries:
        power = min(rest, can_give_kw(day, battery, t, to_the_reserve=True))
        if power > NOTHING_KW:
            give(day, battery, t, power)
            rest -= power
    for engine in day.plant.engines:
        most, made = day.most_kw(engine, t), float(day.engine_kw[engine.id][t])
        if rest <= NOTHING_KW or most is None:
            continue
        least = output_range_kw(engine)[0]
        power = min(max(made + rest, least), most)
        if fuel_of(engine, power) > 0.0 and (power - made <= rest + NOTHING_KW or takes_surplus):
            day.engine_kw[engine.id][t] = power
            rest -= power - made
