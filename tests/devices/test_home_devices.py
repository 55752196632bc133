"""Devices of homes: block, single step and simulation tell the same of random dispatches."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyomo.environ as pyo
import pytest
from device_blocks import CLEAR, DeviceBlock
from home_dispatches import DISPATCHES, HOURS, SUBJECTS, Series, Subject

from cmgplan.arrays import FloatArray
from cmgplan.devices import (
    HOME_KINDS,
    CombinedHeatPower,
    Device,
    Emission,
    Flows,
    Forecasts,
    HomeLoad,
    Job,
    Storage,
    Trace,
)


def told(trace: Trace) -> dict[tuple[str, int], float]:
    return {(breach.limit, breach.hour): breach.excess for breach in trace.breaches}


def stepped(device: Device, h: Forecasts, dispatch: Series, flows: Flows) -> Trace:
    """Return what single steps tell of a day."""
    state, level, kg, money, found = device.start(h), [], [], 0.0, []
    for t in h.steps:
        if isinstance(device, HomeLoad):
            step = device.step_shift(
                h, t, state, dispatch["up"][t], dispatch["down"][t], dispatch["unserved"][t]
            )
        else:
            step = device.step(h, t, state, flows.at(t))
        state = step.state
        level.append(state.level)
        kg.append(step.emission_kg)
        money += step.money
        found += step.breaches
    return Trace(breaches=found, money=money, emission_kg=np.array(kg), state=np.array(level))


def same_limits(
    ours: Mapping[tuple[str, int], float], theirs: Mapping[tuple[str, int], float]
) -> None:
    """Hold two ways to tell what is broken against each other, near misses left out."""
    for one, other in ((ours, theirs), (theirs, ours)):
        clear = {key for key, excess in one.items() if excess > CLEAR}
        assert clear <= set(other), (ours, theirs)


def of_the_day(found: Mapping[tuple[str, int], float]) -> dict[tuple[str, int], float]:
    """Give what a load owes or is owed at the end of the day one name.

    There the block has the one row or bound "none lost", and the simulation names each limit.
    """
    last, day = HOURS - 1, {"shift_direction", "shift_backlog_max_kwh", "shift_delay_max_h"}
    return {
        ("none lost" if t in (-1, last) and name in day else name, last if t == -1 else t): excess
        for (name, t), excess in found.items()
    }


@pytest.mark.parametrize("subject", SUBJECTS, ids=[subject.name for subject in SUBJECTS])
def test_block_step_and_simulation_agree(subject: Subject) -> None:
    device, h = subject.device, subject.h
    rng = np.random.default_rng(7)
    block = DeviceBlock(device, h)
    sound = 0
    for _ in range(DISPATCHES):
        drawn = subject.draw(rng)
        dispatch = {name: values for name, values in drawn.items() if block.has(name)}
        if isinstance(device, HomeLoad) and not device.shiftable:
            drawn["up"] = drawn["down"] = np.zeros(HOURS)
            drawn["unserved"] = np.minimum(drawn["unserved"], device.base_kw(h) * 1.2)
            dispatch = {"unserved": drawn["unserved"]}
        flows = block.flows(block.point(dispatch))
        emission = getattr(device, "emission", None)
        if block.has("emission"):
            dispatch["emission"] = by_hand(emission, flows, device)
        x = block.point(dispatch, subject.follows)

        if isinstance(device, HomeLoad):
            trace = device.simulate_shift(h, drawn["up"], drawn["down"], drawn["unserved"])
        else:
            trace = device.simulate_flows(h, flows)
        steps = stepped(device, h, drawn, flows)

        in_block = {(subject.limits[name], t): over for (name, t), over in block.broken(x).items()}
        if block.block.component("none_lost") is not None:  # summed in kW there, kWh here
            in_block = {key: over * h.dt_h for key, over in in_block.items()}
        if isinstance(device, HomeLoad):
            # Of a load that shifts the bound follows from the other limits.
            bounds = {key: v for key, v in in_block.items() if key[0] == "unserved high"}
            for limit, t in bounds:
                excess = in_block.pop((limit, t))
                if not device.shiftable:
                    in_block["unserved", t] = excess
            # What leaves beyond its share breaks the row of its switch too, and so what arrives.
            over = {t for limit, t in in_block if limit in ("shiftable_share", "shift_in_max_kw")}
            for t in over - {t for limit, t in told(trace) if limit == "leave or arrive"}:
                in_block.pop(("leave or arrive", t), None)
            same_limits(of_the_day(told(trace)), of_the_day(in_block))
        else:
            last = {("eq. (14)", -1): ("eq. (14)", HOURS - 1)}
            same_limits(told(trace), {last.get(key, key): v for key, v in in_block.items()})
        same_limits(told(steps), told(trace))
        if not in_block:
            sound += 1
            for injected, (low, high) in (
                (flows.p_kw, device.power_range(h)),
                (flows.heat_kw, device.heat_range(h)),
            ):
                assert (injected >= low - 1e-9).all()
                assert (injected <= high + 1e-9).all()

        if subject.follows:
            (kept,) = subject.follows
            assert trace.state == pytest.approx(x[block.columns(kept)], abs=1e-9)
            assert steps.state == pytest.approx(trace.state, abs=1e-9)
        if block.block.component("money") is not None:
            money = float(block.expression("money", x)[0])
            assert trace.money == pytest.approx(money, abs=1e-9)
            assert steps.money == pytest.approx(money, abs=1e-9)
        if emission is not None:
            expected = h.dt_h * block.expression("emission", x)
            assert steps.emission_kg == pytest.approx(expected, abs=1e-9)
            assert trace.emission_kg == pytest.approx(expected, abs=1e-9)
    assert 10 <= sound <= DISPATCHES - 20


def by_hand(emission: Emission, flows: Flows, device: Device) -> FloatArray:
    output = flows.p_kw if isinstance(device, CombinedHeatPower) else flows.heat_kw
    return np.array(
        [
            emission.square * max(p, 0.0) ** 2
            + emission.linear * max(p, 0.0)
            + (emission.fixed if fuel > 0.0 else 0.0)
            for p, fuel in zip(output, flows.fuel_kw, strict=True)
        ]
    )


@pytest.mark.parametrize("subject", SUBJECTS, ids=[subject.name for subject in SUBJECTS])
def test_block_carries_what_is_promised(subject: Subject) -> None:
    device, h = subject.device, subject.h
    block = DeviceBlock(device, h).block
    names = ["p_inj", "q_inj"]
    if isinstance(device, Storage):
        assert block.component("cost_usd") is not None
    else:
        names += ["heat_inj", "fuel", "emission"]
        assert not block.component("money").is_indexed()
    names += ["charge", "discharge", "soc"] if device.stores else []
    names += ["curtailed"] if device.can_curtail else []
    names += ["unserved", "up", "down"] if isinstance(device, HomeLoad) else []
    for name in names:
        assert list(block.component(name).keys()) == list(h.steps), name
    binary = any(v.is_binary() for v in block.component_data_objects(pyo.Var))
    switch = "leaving" if isinstance(device, HomeLoad) else "on"
    assert binary == device.wants_binary(h) == (block.component(switch) is not None)


def test_every_kind_of_a_home_has_random_dispatches_or_every_pattern() -> None:
    tested = {type(subject.device) for subject in SUBJECTS} | {Job}
    assert set(HOME_KINDS.values()) <= tested
