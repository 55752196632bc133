"""Loads of homes: what may leave an hour and where it may arrive."""

from __future__ import annotations

from itertools import product

import numpy as np
import pyomo.environ as pyo
import pytest
from device_blocks import DeviceBlock
from home_devices import DAY, HOME, YEAR_DAY, day, minimise

from cmgplan.arrays import FloatArray
from cmgplan.devices import (
    Forecasts,
    HomeLoad,
)

FLATS = HomeLoad(
    id="flats",
    carrier="electricity",
    p_kw=10.0,
    shiftable_share=0.4,
    shift_in_max_kw=5.0,
    shift_cost_per_kwh=0.1,
)
LATER = FLATS.model_copy(
    update={"shift_direction": "later", "shift_delay_max_h": 2.0, "shift_backlog_max_kwh": 6.0}
)


def shifted(load: HomeLoad, up: FloatArray, down: FloatArray) -> set[tuple[str, int]]:
    return {(breach.limit, breach.hour) for breach in load.simulate_shift(DAY, up, down).breaches}


def test_what_leaves_costs_and_what_arrives_does_not() -> None:
    h = Forecasts(24, 0.5)
    trace = FLATS.simulate_shift(h, day(0.0, h3=4.0), day(0.0, h7=4.0))
    assert trace.breaches == []
    assert trace.money == pytest.approx(0.1 * 4.0 * 0.5)
    assert trace.state is not None
    assert trace.state[[2, 3, 6, 7]].tolist() == [0.0, -2.0, -2.0, 0.0]
    net = FLATS.simulate_flows(h, FLATS.flows_of(h, day(0.0, h3=4.0), day(0.0, h7=4.0)))
    assert (net.breaches, net.money) == ([], trace.money)


def test_an_hour_in_which_load_leaves_and_arrives() -> None:
    up, down = day(0.0, h5=3.0), day(0.0, h5=2.0, h6=1.0)
    trace = FLATS.simulate_shift(DAY, up, down)
    assert trace.breaches == []
    assert trace.money == pytest.approx(0.3)
    flows = FLATS.flows_of(DAY, up, down, day(0.0, h5=4.0))
    assert flows.p_kw[[5, 6, 7]].tolist() == [-7.0, -9.0, -10.0]
    assert FLATS.simulate_flows(DAY, FLATS.flows_of(DAY, up, down)).money == pytest.approx(0.1)


def test_limits_of_shifting() -> None:
    assert shifted(FLATS, day(0.0, h2=4.5), day(0.0, h1=4.5)) == {("shiftable_share", 1)}
    two = day(0.0, h1=3.0, h3=3.0)
    assert shifted(FLATS, day(0.0, h2=6.0), two) == {("shift_in_max_kw", 2)}
    assert shifted(FLATS, day(), day(0.0, h1=1.0)) == {("none lost", 23)}
    assert shifted(FLATS, day(0.0, h1=1.0), day(0.0, h2=1.0)) == set()
    assert shifted(LATER, day(0.0, h1=1.0), day(0.0, h2=1.0)) == {("shift_direction", 1)}
    assert shifted(LATER, day(0.0, h3=1.0), day(0.0, h1=1.0)) == set()
    assert shifted(LATER, day(0.0, h4=1.0), day(0.0, h1=1.0)) == {("shift_delay_max_h", 3)}
    assert shifted(LATER, day(0.0, h3=3.0, h4=3.0), day(0.0, h1=3.0, h2=3.0)) == set()
    late = shifted(LATER, day(0.0, h3=4.0, h4=4.0), day(0.0, h1=4.0, h2=4.0))
    assert late == {("shift_backlog_max_kwh", 2)}


def test_load_leaves_dear_hours_for_cheap_ones() -> None:
    # Load 4, 4 at prices 0.30, 0.10 with a share of 0.25: one kWh moves and saves 0.20.
    for prices, saved in (((0.3, 0.1), 0.2), ((0.1, 0.3), 0.0)):
        load = HomeLoad(
            id="x", carrier="electricity", p_kw=4.0, shiftable_share=0.25, shift_direction="later"
        )
        model = pyo.ConcreteModel()
        model.b = pyo.Block()
        load.add_to(model.b, Forecasts(2))
        for t in (0, 1):
            model.b.unserved[t].fix(0.0)
        minimise(model, -prices[0] * model.b.p_inj[0] - prices[1] * model.b.p_inj[1])
        assert 4.0 * sum(prices) - pyo.value(model.objective) == pytest.approx(saved)


def test_heat_load_takes_heat_and_may_be_unserved() -> None:
    block = DeviceBlock(HomeLoad(**HOME["load"][1]), YEAR_DAY)
    x = block.point({"unserved": day(0.0, h3=80.0)})
    assert block.flows(x).heat_kw == pytest.approx(day(-80.0, h3=0.0))
    assert block.broken(x) == {}
    assert set(block.broken(block.point({"unserved": day(0.0, h3=81.0)}))) == {("unserved high", 3)}


def in_time(net: tuple[int, ...], delay: int) -> bool:
    """Whether whole kWh that leave (negative) arrive within hours of it, the oldest first."""
    waiting: list[int] = []
    for t, kwh in enumerate(net):
        waiting += [t] * -kwh
        if kwh > len(waiting):
            return False
        if any(t - left > delay for left in waiting[: max(kwh, 0)]):
            return False
        waiting = waiting[max(kwh, 0) :]
    return not waiting


@pytest.mark.parametrize("delay", [1, 2, 3])
def test_load_is_not_put_off_longer_than_the_delay(delay: int) -> None:
    # Prices fall all day: could load arrive and leave in one hour, it would be put off to the end.
    prices, h = np.array([1.0, 0.95, 0.7, 0.6, 0.1]), Forecasts(5)
    load = HomeLoad(
        id="x",
        carrier="electricity",
        p_kw=2.0,
        shiftable_share=0.5,
        shift_in_max_kw=2.0,
        shift_direction="later",
        shift_delay_max_h=delay,
    )
    saved = {
        net: -float(prices @ net) for net in product((-1, 0, 1, 2), repeat=5) if in_time(net, delay)
    }
    model = pyo.ConcreteModel()
    model.b = pyo.Block()
    load.add_to(model.b, h)
    load.tighten(model.b, h)
    for t in h.steps:
        model.b.unserved[t].fix(0.0)
    minimise(model, sum(float(prices[t]) * model.b.demand[t] for t in h.steps))
    assert 2.0 * prices.sum() - pyo.value(model.objective) == pytest.approx(max(saved.values()))
    up, down = (
        np.array([pyo.value(variable[t]) for t in h.steps])
        for variable in (model.b.up, model.b.down)
    )
    assert load.simulate_shift(h, up, down).breaches == []
    # Whole kWh: the simulation refuses just what a hand that settles the oldest first refuses.
    for net in product((-1, 0, 1), repeat=5):
        moved = np.array(net, dtype=float)
        trace = load.simulate_shift(h, np.maximum(moved, 0.0), np.maximum(-moved, 0.0))
        assert (trace.breaches == []) == in_time(net, delay), net


def test_load_does_not_leave_in_the_hour_in_which_it_arrives_where_a_delay_binds() -> None:
    up, down = day(0.0, h2=1.0, h4=1.0), day(0.0, h1=1.0, h2=1.0)
    assert shifted(LATER, up, down) == {("leave or arrive", 2)}
    assert shifted(LATER.model_copy(update={"shift_delay_max_h": 24.0}), up, down) == set()
    assert shifted(LATER.model_copy(update={"shift_delay_max_h": None}), up, down) == set()
