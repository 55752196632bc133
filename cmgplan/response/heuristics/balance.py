"""One hour of a group of homes that share a carrier: stores, plants and what trade leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.response.heuristics.plants import HeatPart
from cmgplan.response.heuristics.stores import StorePart


@dataclass(frozen=True)
class HeatHour:
    """Heat of a group in an hour, kW, each of shape (points,).

    ``missed_kw`` is what is short beyond all loads: such a day cannot be run.
    """

    unserved_kw: FloatArray
    missed_kw: FloatArray


@dataclass(frozen=True)
class PowerHour:
    """Electricity of a group in an hour, kW, each of shape (points,).

    ``missed_kw`` is what is short beyond all loads, or over what may be sold and curtailed.
    """

    import_kw: FloatArray
    export_kw: FloatArray
    curtailed_kw: FloatArray
    unserved_kw: FloatArray
    missed_kw: FloatArray


def run_stores(
    t: int,
    stores: Sequence[StorePart],
    genes: FloatArray,
    need_kw: FloatArray,
    room_kw: FloatArray | None,
    *,
    serve_only: bool,
) -> FloatArray:
    """Run stores and return what is needed after them, shape (points,).

    Parameters
    ----------
    need_kw
        What is needed before them, negative where there is too much.
    room_kw
        What can be had for charging beside the need; None for any amount.
    serve_only
        Whether they give no more than what is needed.
    """
    forced = [np.zeros(0) if room_kw is None else store.forced_kw(t) for store in stores]
    left = None if room_kw is None else room_kw - sum(forced, np.zeros_like(need_kw))
    for store, least in zip(stores, forced, strict=True):
        wish = store.wish_kw(t, genes)
        if serve_only:
            wish = np.minimum(wish, np.maximum(need_kw, 0.0))
        if left is None:
            net = store.run(t, wish)
        else:
            net = store.run(t, wish, least + np.maximum(left, 0.0))
            left = left + net + least
        need_kw = need_kw - net
    return need_kw


def run_heat(
    t: int,
    heaters: Sequence[HeatPart],
    tanks: Sequence[StorePart],
    genes: FloatArray,
    need_kw: FloatArray,
    load_kw: FloatArray,
    emission_left: dict[int, FloatArray],
) -> HeatHour:
    """Run the heat of a group: tanks as wished, then plants, the cheapest filling first.

    Parameters
    ----------
    need_kw
        Heat wanted less that of engines and collectors, shape (points,).
    load_kw
        Load that may be unserved, shape (points,).
    emission_left
        By home with a limit: what of Emax is left in the hour, kg/h; boilers take theirs off.
    """
    if tanks:
        room = sum((heater.cap_kw[t] for heater in heaters), -need_kw)
        need_kw = run_stores(t, tanks, genes, need_kw, room, serve_only=True)
    short = need_kw
    if len(heaters) == 1 and heaters[0].slot is None:
        heaters[0].heat_kw.append(np.clip(short, 0.0, heaters[0].cap_kw[t]))
        short = short - heaters[0].heat_kw[-1]
    else:
        short = _share_out(t, heaters, genes, short, emission_left)
    unserved = np.clip(short, 0.0, load_kw)
    return HeatHour(unserved, np.maximum(short - unserved, 0.0))


def _share_out(
    t: int,
    heaters: Sequence[HeatPart],
    genes: FloatArray,
    short: FloatArray,
    emission_left: dict[int, FloatArray],
) -> FloatArray:
    """Run several plants as wished, then the cheapest for what is short; return what still is."""
    for heater in heaters:
        cap = heater.most_kw(t, emission_left.get(heater.home))
        first = 0.0 if heater.slot is None else heater.slot.of(genes)[t]
        heater.heat_kw.append(np.minimum(first * heater.device.heat_max_kw, cap))
        short = short - heater.heat_kw[-1]
        _take(heater, t, emission_left, heater.heat_kw[-1], 1.0)
    cheapest = sorted(heaters, key=lambda heater: float(heater.per_heat[t]))
    for heater in cheapest:
        short = short - _fill(heater, t, short, emission_left)
    for heater in reversed(cheapest):
        if heater.slot is not None:
            short = short + _cut(heater, t, -short, emission_left)
    return short


def _fill(
    heater: HeatPart, t: int, short_kw: FloatArray, emission_left: dict[int, FloatArray]
) -> FloatArray:
    """Let a plant deliver more, as much as is short and it can; return the heat added."""
    heat = heater.heat_kw[-1]
    _take(heater, t, emission_left, heat, -1.0)
    cap = heater.most_kw(t, emission_left.get(heater.home))
    added = np.clip(short_kw, 0.0, np.maximum(cap - heat, 0.0))
    heater.heat_kw[-1] = heat + added
    _take(heater, t, emission_left, heater.heat_kw[-1], 1.0)
    return added


def _cut(
    heater: HeatPart, t: int, over_kw: FloatArray, emission_left: dict[int, FloatArray]
) -> FloatArray:
    """Let a plant deliver less, as much as is too much; return the heat taken off."""
    heat = heater.heat_kw[-1]
    _take(heater, t, emission_left, heat, -1.0)
    cut = np.clip(over_kw, 0.0, heat)
    heater.heat_kw[-1] = heat - cut
    _take(heater, t, emission_left, heater.heat_kw[-1], 1.0)
    return cut


def _take(
    heater: HeatPart,
    t: int,
    emission_left: dict[int, FloatArray],
    heat_kw: FloatArray,
    sign: float,
) -> None:
    """Take the emission of a plant off what is left of its home's Emax, or give it back."""
    if heater.home in emission_left and heater.curves is not None:
        left = emission_left[heater.home]
        emission_left[heater.home] = left - sign * heater.kg_per_h(t, heat_kw)


def run_power(
    t: int,
    batteries: Sequence[StorePart],
    genes: FloatArray,
    need_kw: FloatArray,
    load_kw: FloatArray,
    plant_kw: float,
    limit_kw: FloatArray | None,
    prices: tuple[float, float],
) -> PowerHour:
    """Run the electricity of a group: batteries and cars as wished, then trade.

    Parameters
    ----------
    need_kw
        Electricity wanted less that of engines and of all sun and wind, shape (points,).
    load_kw
        Load that may be unserved, shape (points,).
    plant_kw
        Sun and wind, which may be curtailed.
    limit_kw
        What may be bought, and sold, shape (points,); None without a limit.
    prices
        What is paid for a kWh bought, and for one sold.
    """
    room = None if limit_kw is None else limit_kw - need_kw
    need = run_stores(t, batteries, genes, need_kw, room, serve_only=False)
    most = np.full_like(need, np.inf) if limit_kw is None else limit_kw
    buy, sell = prices
    curtailed = np.zeros_like(need)
    if buy < 0.0:  # who is paid to take power takes it in place of the sun
        curtailed = np.clip(most - need, 0.0, plant_kw)
    elif sell < 0.0:
        curtailed = np.clip(-need, 0.0, plant_kw)
    else:
        curtailed = np.clip(-need - most, 0.0, plant_kw)
    need = need + curtailed
    bought, sold = np.clip(need, 0.0, most), np.clip(-need, 0.0, most)
    short = need - bought + sold
    unserved = np.clip(short, 0.0, load_kw)
    return PowerHour(bought, sold, curtailed, unserved, np.abs(short - unserved))
