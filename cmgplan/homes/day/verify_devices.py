"""Every device of a day stepped through its dispatch, twice: the day at once and hour by hour."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.devices import Breach, Device, Flows, Forecasts, HomeLoad, Job, State, Trace
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.day import Day
from cmgplan.homes.day.dispatch import Shift
from cmgplan.run.findings import CheckResult, Finding, apart_hourly

STORED_KWH = 1e-5
"""Tolerance of stored energy, and of other states of devices, kWh."""

SERVED_KW = 1e-6
"""Tolerance of what is served of a load, kW."""

UNITS = {"_c": "K", "_h": "h", "_kwh": "kWh", "soc_min": "kWh", "soc_max": "kWh", "lost": "kWh"}
"""Unit of an excess by the ending of the limit's name; others are in kW."""


@dataclass(frozen=True)
class _Placed:
    """A device of a home, what it does in a day, and its place in words."""

    place: str
    device: Device
    flows: Flows
    shift: Shift | None
    soc_kwh: FloatArray | None

    def trace(self, h: Forecasts) -> Trace:
        """Return the simulation of the whole day."""
        if isinstance(self.device, HomeLoad) and self.shift is not None:
            s = self.shift
            return self.device.simulate_shift(h, s.up_kw, s.down_kw, s.unserved_kw)
        return self.device.simulate_flows(h, self.flows)

    def stepped(self, h: Forecasts) -> tuple[list[State], list[Breach], FloatArray]:
        """Return the states at the ends of the hours, limits broken, and kg, hour by hour."""
        state, states, found, kg = self.device.start(h), [], list[Breach](), np.zeros(h.hours)
        for t in h.steps:
            if isinstance(self.device, HomeLoad) and self.shift is not None:
                moved = (self.shift.up_kw[t], self.shift.down_kw[t], self.shift.unserved_kw[t])
                step = self.device.step_shift(h, t, state, *(float(kw) for kw in moved))
            else:
                step = self.device.step(h, t, state, self.flows.at(t))
            state = step.state
            states.append(state)
            found += step.breaches
            kg[t] = step.emission_kg
        return states, found, kg


def check_devices(case: HomesCase, day: Day) -> tuple[CheckResult, ...]:
    """Check that every device can do what a day says, and that stored energy follows from it."""
    h = case.forecasts()
    limits: list[Finding] = []
    steps: list[Finding] = []
    stored: list[Finding] = []
    served: list[Finding] = []
    for placed in _placed(case, day):
        trace = placed.trace(h)
        limits += [_broken(placed.place, breach) for breach in trace.breaches]
        steps += _second_opinion(placed, trace, h)
        if placed.device.stores:
            told = np.full(h.hours, np.nan) if placed.soc_kwh is None else placed.soc_kwh
            due = np.full(h.hours, np.nan) if trace.soc_kwh is None else trace.soc_kwh
            stored += apart_hourly(told, due, f"{placed.place}: soc_kwh", STORED_KWH, "kWh")
        served += _served(placed, h)
    limits += _together(case, day)
    return (
        CheckResult(f"{day.way}: every device keeps its limits", tuple(limits)),
        CheckResult(f"{day.way}: devices stepped hour by hour say the same", tuple(steps)),
        CheckResult(f"{day.way}: stored energy follows from what is put in", tuple(stored)),
        CheckResult(f"{day.way}: loads get what their demand leaves", tuple(served)),
    )


def _together(case: HomesCase, day: Day) -> Iterator[Finding]:
    """Yield the hours in which jobs run together that may not."""
    for home in day.homes(case):
        ratings = {device.id: device.p_kw for device in home.devices() if isinstance(device, Job)}
        for group in home.not_together:
            running = sum(
                (-day.dispatch.flows[home.id, job].p_kw > 0.5 * ratings[job]).astype(np.int64)
                for job in group
            )
            for t in np.flatnonzero(np.asarray(running) > 1):
                place = f"{day.way}, home {home.id}: {', '.join(group)} run together"
                yield Finding(place, np.nan, "", int(t))


def _placed(case: HomesCase, day: Day) -> Iterator[_Placed]:
    """Yield every device of the homes that took part."""
    for home in day.homes(case):
        for device in home.devices():
            key, d = (home.id, device.id), day.dispatch
            place = f"{day.way}, home {home.id}, {device.kind} {device.id}"
            yield _Placed(place, device, d.flows[key], d.shifts.get(key), d.state.get(key))


def _broken(place: str, breach: Breach) -> Finding:
    """Return a finding about a limit that is broken."""
    unit = next((u for ending, u in UNITS.items() if breach.limit.endswith(ending)), "kW")
    return Finding(f"{place}: over {breach.limit}", breach.excess, unit, breach.hour)


def _second_opinion(placed: _Placed, trace: Trace, h: Forecasts) -> list[Finding]:
    """Return where a device stepped hour by hour ends elsewhere than in its simulation."""
    states, broken, kg = placed.stepped(h)
    known = {breach.hour for breach in trace.breaches}
    found = [_broken(placed.place, breach) for breach in broken if breach.hour not in known]
    if trace.state is not None:
        levels = np.array([state.level for state in states])
        place = f"{placed.place}: state"
        found += apart_hourly(levels, trace.state, place, STORED_KWH, "")
    if trace.emission_kg is not None:
        place = f"{placed.place}: emission_kg"
        found += apart_hourly(kg, trace.emission_kg, place, STORED_KWH, "kg")
    return found


def _served(placed: _Placed, h: Forecasts) -> list[Finding]:
    """Return the hours in which a load gets something else than its demand less the unserved."""
    if not isinstance(placed.device, HomeLoad) or placed.shift is None:
        return []
    s = placed.shift
    due = placed.device.flows_of(h, s.up_kw, s.down_kw, s.unserved_kw)
    found = []
    for name in ("p_kw", "heat_kw", "fuel_kw"):
        told, wanted = getattr(placed.flows, name), getattr(due, name)
        found += apart_hourly(told, wanted, f"{placed.place}: {name}", SERVED_KW, "kW")
    return found
