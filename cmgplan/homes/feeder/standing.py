"""Where homes stand on the feeder of their case, and what every bus wants by hour.

With load mixes, buildings of all homes stand on each bus but the slack; without, each home stands
on the bus that it names.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.case.folder import CASE_FILE
from cmgplan.case.records import NetworkSection
from cmgplan.devices import HomeLoad, Job, Thermostat
from cmgplan.errors import CaseError, Fault, InputError
from cmgplan.homes.case.records import HomesCase, LoadMix


@dataclass(frozen=True)
class Standing:
    """What stands on one bus: buildings of all homes, or single homes by their position."""

    buildings: LoadMix | None = None
    homes: tuple[int, ...] = ()

    def per_home(self, count: int) -> FloatArray:
        """Return how many of each of a case's homes stand here, shape (S,)."""
        found = np.zeros(count)
        if self.buildings is not None:
            found += self.buildings.coalition + self.buildings.alone + self.buildings.grid
        found[list(self.homes)] += 1.0
        return found


def network_of(case: HomesCase) -> NetworkSection:
    """Return the ``[network]`` of a case; CaseError where it has none."""
    if case.file.network is None:
        message = f"case {case.name} has no [network], so that its homes stand on no feeder"
        mend = "add [network] with buses.csv and lines.csv"
        raise CaseError([Fault(CASE_FILE, "network", message, mend)])
    return case.file.network


def standing(case: HomesCase, mix: str | None = None) -> dict[str, Standing]:
    """Return what stands on every bus of a case.

    Parameters
    ----------
    mix
        Name of the load mix; by default the first of the case.

    Raises
    ------
    CaseError
        The case has no ``[network]``.
    InputError
        The case has no such load mix.
    """
    network, mixes = network_of(case), case.file.building.load_mix
    if mix is not None and mix not in {one.name for one in mixes}:
        names = ", ".join(one.name for one in mixes) or "none"
        raise InputError(f"--mix {mix}: no load mix of {case.name}; its load mixes: {names}")
    if mixes:
        chosen = next((one for one in mixes if one.name == mix), mixes[0])
        return {
            bus.bus: Standing(None if bus.bus == network.slack_bus else chosen)
            for bus in case.buses
        }
    return {
        bus.bus: Standing(
            homes=tuple(k for k, home in enumerate(case.homes) if home.bus == bus.bus)
        )
        for bus in case.buses
    }


def home_demand_kw(case: HomesCase) -> FloatArray:
    """Return the electric load of each home, kW, shape (S, T).

    Loads at the hours that the case gives, jobs, refrigerators and water heaters by their own
    rule; neither what cars charge nor what heat pumps and electric boilers take.
    """
    h = case.forecasts()
    found = np.zeros((len(case.homes), case.hours))
    for s, home in enumerate(case.homes):
        for device in home.devices():
            if "heat" in device.carriers:
                continue
            if isinstance(device, HomeLoad):
                found[s] += device.base_kw(h)
            elif isinstance(device, Job | Thermostat):
                schedule = device.own_schedule(h)
                if schedule is not None:
                    found[s] += device.p_kw * schedule
    return found


def bus_demand(case: HomesCase, mix: str | None = None) -> tuple[FloatArray, FloatArray]:
    """Return what every bus wants, kW and kvar, each of shape (T, n), buses in the case's order.

    Homes at their power factor, and the feeder's own loads of buses.csv.
    """
    network, placed = network_of(case), standing(case, mix)
    own = home_demand_kw(case)
    factor = np.array([home.power_factor for home in case.homes])
    tangent = np.tan(np.arccos(factor))
    p_kw = np.zeros((case.hours, len(case.buses)))
    q_kvar = np.zeros_like(p_kw)
    for k, bus in enumerate(case.buses):
        number = placed[bus.bus].per_home(len(case.homes))
        profile = bus.profile if bus.profile is not None else network.load_profile
        hourly = np.ones(case.hours) if profile is None else case.series(profile)
        p_kw[:, k] = number @ own + bus.p_kw * hourly
        q_kvar[:, k] = (number * tangent) @ own + bus.q_kvar * hourly
    return p_kw, q_kvar
