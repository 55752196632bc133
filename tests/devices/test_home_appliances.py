"""Refrigerators, water heaters and jobs: bands of temperature and windows of the clock."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from device_blocks import DeviceBlock
from home_devices import DAY, broken, day, one

from cmgplan.devices import (
    Flows,
    Forecasts,
    Job,
)


def test_refrigerator_by_its_thermostat() -> None:
    fridge = one("refrigerator")
    on = fridge.own_schedule(Forecasts(12))
    assert on.astype(int).tolist() == [0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1]
    trace = fridge.simulate_flows(Forecasts(12), Flows.of(12, p_kw=-0.25 * on))
    assert trace.state.tolist() == [5, 6, 5, 4, 3, 2, 3, 4, 5, 6, 5, 4]
    assert trace.breaches == []


def test_heater_mirrors_the_refrigerator() -> None:
    tap = one("water_heater", t_max_c=65.0, t_min_c=45.0)
    on = tap.own_schedule(Forecasts(12))
    assert on.astype(int).tolist() == [0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1]
    trace = tap.simulate_flows(Forecasts(12), Flows.of(12, heat_kw=-2.0 * on))
    assert trace.state.tolist() == [50, 45, 50, 55, 60, 65, 60, 55, 50, 45, 50, 55]
    assert trace.breaches == []


@pytest.mark.parametrize("hours", [5, 7, 9, 24])
def test_own_schedule_ends_no_worse_than_it_began(hours: int) -> None:
    h = Forecasts(hours)
    fridge = one("refrigerator", cooling_k_per_h=1.5, warming_k_per_h=0.7)
    on = fridge.own_schedule(h)
    trace = fridge.simulate_flows(h, Flows.of(hours, p_kw=-0.25 * on))
    assert trace.breaches == []
    assert trace.state[-1] <= 4.0 + 1e-9
    assert not on.all()


def test_refrigerator_breaks_its_band() -> None:
    fridge = one("refrigerator")
    off = broken(fridge)
    assert off == {("t_max_c", t) for t in range(2, 24)}
    on = broken(fridge, p_kw=day(-0.25))
    assert on == {("t_min_c", t) for t in range(2, 24)}
    alternating = np.where(np.arange(24) % 2 == 0, 0.0, -0.25)
    assert broken(fridge, p_kw=alternating) == set()
    assert broken(fridge, p_kw=alternating * day(1.0, h5=0.8)) == {("p_kw", 5)}


@pytest.mark.parametrize(
    ("window", "duration_h", "h", "starts"),
    [
        ([7, 22], 2, DAY, list(range(7, 21))),
        ([17, 24], 2, DAY, list(range(17, 23))),
        ([22, 6], 3, DAY, [0, 1, 2, 3]),  # two pieces of the night: 0 to 6 and 22 to 24
        ([22, 6], 2, DAY, [0, 1, 2, 3, 4, 22]),
        ([0, 24], 24, DAY, [0]),
        ([7, 9], 1, Forecasts(24, 0.5, begins_h=6.0), [2, 3, 4]),
        ([22, 2], 2, Forecasts(8, begins_h=20.0), [2, 3, 4]),
    ],
)
def test_hours_in_which_a_job_may_start(
    window: list[float], duration_h: float, h: Forecasts, starts: list[int]
) -> None:
    job = Job(id="x", p_kw=1.0, duration_h=duration_h, window=window)
    assert job.starts(h) == starts
    schedule = job.own_schedule(h)
    assert schedule is not None
    assert np.flatnonzero(schedule)[0] == starts[0]
    assert not job.simulate_flows(h, Flows.of(h.hours, p_kw=-1.0 * schedule)).breaches


@pytest.mark.parametrize("window", [[22, 2], [0, 24], [20, 23]])
def test_a_job_in_every_pattern_of_eight_hours(window: list[float]) -> None:
    h = Forecasts(8, begins_h=20.0)
    job = Job(id="x", p_kw=1.2, duration_h=2, window=window)
    block = DeviceBlock(job, h)
    runs = 0
    for pattern in product((False, True), repeat=8):
        on = np.array(pattern)
        begun = on & ~np.concatenate([[False], on[:-1]])
        x = block.point({"start": begun.astype(float)})
        in_block = not block.broken(x) and bool((block.expression("on", x) == on).all())
        flows = Flows.of(8, p_kw=-1.2 * on)
        trace = job.simulate_flows(h, flows)
        state, found = job.start(h), []
        for t in h.steps:
            step = job.step(h, t, state, flows.at(t))
            state = step.state
            found += [(breach.limit, breach.hour, breach.excess) for breach in step.breaches]
        assert in_block == (not trace.breaches)
        assert sorted(found) == sorted((b.limit, b.hour, b.excess) for b in trace.breaches)
        runs += in_block
    assert runs == len(job.starts(h))
