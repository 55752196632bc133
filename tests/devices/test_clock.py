"""Hours of the clock and intervals: when fleets are away, and horizons that fit no day."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest
from factories import PROFILES, write_case

from cmgplan.arrays import FloatArray
from cmgplan.devices import ElectricVehicle, Forecasts
from cmgplan.planning.case import check_case, load_case

FLEET: dict[str, Any] = {
    "id": "fleet",
    "p_charge_max_kw": 25.0,
    "p_discharge_max_kw": 15.0,
    "energy_kwh": 100.0,
    "soc_min": 0.2,
    "soc_start": 0.6,
    "efficiency_charge": 0.95,
    "efficiency_discharge": 0.95,
    "driving_kwh": 30.0,
    "soc_departure": 0.8,
}
NIGHT = ElectricVehicle(**FLEET, depart_hour=22, return_hour=6)
NOON = ElectricVehicle(**FLEET, depart_hour=11.5, return_hour=13.25)

STEPS = (0.25, 0.5, 1.0)


def days(dt_h: float, hours: float = 24.0, begins_h: float = 0.0) -> Forecasts:
    count = round(hours / dt_h)
    return Forecasts(count, dt_h, np.full(count, 50.0), begins_h=begins_h)


def away_at(h: Forecasts, fleet: ElectricVehicle) -> FloatArray:
    """Return the hours of the clock at which the intervals spent away begin."""
    return (h.begins_h + np.asarray(fleet.away(h)) * h.dt_h) % 24.0


# When a fleet is away


@pytest.mark.parametrize("dt_h", STEPS)
def test_a_night_trip_lasts_from_22_to_6_whatever_the_step(dt_h: float) -> None:
    h = days(dt_h)
    clock = np.arange(h.hours) * dt_h
    home = (clock >= 6.0) & (clock < 22.0)
    assert NIGHT.connected(h) == pytest.approx(home.astype(float))
    drawn = NIGHT.drawn_kwh(h)
    assert drawn[~home] == pytest.approx(np.full((~home).sum(), 30.0 * dt_h / 8.0))
    assert drawn.sum() == pytest.approx(30.0)
    floor = NIGHT.soc_floor_kwh(h)
    assert clock[np.flatnonzero(floor == 80.0)] + dt_h == pytest.approx([22.0])
    assert floor[-1] == 60.0


def test_fractions_of_an_hour_and_steps_that_divide_them() -> None:
    h = days(0.25)
    assert away_at(h, NOON).tolist() == [11.5 + 0.25 * k for k in range(7)]
    assert NOON.drawn_kwh(h)[46:53] == pytest.approx(np.full(7, 30.0 / 7.0))
    assert NOON.between_intervals(h) == []
    assert NOON.between_intervals(days(0.5)) == [("return_hour", 13.25)]
    assert [key for key, _ in NOON.between_intervals(days(1.0))] == ["depart_hour", "return_hour"]


@pytest.mark.parametrize("dt_h", STEPS)
def test_a_horizon_from_noon_to_noon_holds_the_same_night(dt_h: float) -> None:
    h = days(dt_h, begins_h=12.0)
    assert NIGHT.away(h) == list(range(round(10 / dt_h), round(18 / dt_h)))
    assert NIGHT.drawn_kwh(h).sum() == pytest.approx(30.0)
    assert NIGHT.departures(h) == [round(10 / dt_h)]


def test_every_day_of_a_week_has_its_trip() -> None:
    h = days(1.0, hours=168.0)
    assert len(NIGHT.away(h)) == 7 * 8
    assert NIGHT.drawn_kwh(h).sum() == pytest.approx(7 * 30.0)
    assert NIGHT.departures(h) == [22 + 24 * k for k in range(7)]
    assert np.flatnonzero(NIGHT.soc_floor_kwh(h) == 80.0).tolist() == [
        21 + 24 * k for k in range(7)
    ]


def test_a_horizon_of_hours_has_its_share_of_a_trip() -> None:
    """From midnight to 4 o'clock it is half a trip of eight hours: 15 of 30 kWh."""
    h = days(0.5, hours=4.0)
    assert NIGHT.away(h) == list(range(8))
    assert NIGHT.drawn_kwh(h).sum() == pytest.approx(15.0)
    assert NIGHT.departures(h) == []
    assert NOON.away(days(0.25, hours=6.0)) == []


def test_a_sixth_of_an_hour_has_no_end_in_digits() -> None:
    h = Forecasts(144, 0.166667, np.zeros(144))
    assert NIGHT.between_intervals(h) == []
    assert NIGHT.away(h) == [*range(36), *range(132, 144)]


@pytest.mark.parametrize("dt_h", STEPS)
@pytest.mark.parametrize("begins_h", [0.0, 12.0])
def test_block_and_simulation_agree(dt_h: float, begins_h: float) -> None:
    h = days(dt_h, begins_h=begins_h)
    price = np.random.default_rng(5).uniform(30.0, 110.0, h.hours)
    h = Forecasts(h.hours, dt_h, price, begins_h=begins_h)
    model = pyo.ConcreteModel()
    model.device = pyo.Block()
    b = model.device
    NIGHT.add_to(b, h)
    wear = pyo.quicksum(1e-3 * (b.charge[t] + b.discharge[t]) for t in h.steps)
    earned = pyo.quicksum(dt_h * price[t] / 1000.0 * b.p_inj[t] for t in h.steps)
    model.objective = pyo.Objective(expr=wear - earned)
    pyo.assert_optimal_termination(pyo.SolverFactory("appsi_highs").solve(model))
    p = np.asarray([pyo.value(b.p_inj[t]) for t in h.steps])
    trace = NIGHT.simulate(h, p, np.zeros(h.hours))
    assert trace.breaches == []
    soc = np.asarray([pyo.value(b.soc[t]) for t in h.steps])
    assert trace.soc_kwh == pytest.approx(soc, abs=1e-6)
    assert np.abs(p[NIGHT.away(h)]).max() <= 1e-9
    left = NIGHT.departures(h)[0]
    assert soc[left - 1] >= 80.0 - 1e-6
    # A kW while it is away, and a departure with too little, are noticed.
    moved = p.copy()
    moved[NIGHT.away(h)[1]] = -1.0
    told = NIGHT.simulate(h, moved, np.zeros(h.hours)).breaches
    assert any(breach.limit == "p_charge_max_kw" for breach in told)
    told = NIGHT.simulate(h, np.zeros(h.hours), np.zeros(h.hours)).breaches
    assert any((breach.limit, breach.hour) == ("soc_min", left - 1) for breach in told)


# Where a plan begins, and horizons that fit no day


def stamped(first_hour: int, count: int, minutes: int) -> str:
    """Return the profiles of the small case with stamps, the day's rows repeated."""
    head, *rows = PROFILES.splitlines()
    body = [row.split(",", 1)[1] for row in rows]
    lines = [head.replace("hour", "time", 1)]
    for k in range(count):
        at = 60 * first_hour + minutes * k
        day, minute = divmod(at, 24 * 60)
        lines.append(
            f"2016-07-{14 + day} {minute // 60:02d}:{minute % 60:02d},{body[k % len(body)]}"
        )
    return "\n".join(lines) + "\n"


CARS = "microgrid.0.ev.0"
BY_DAY = {f"{CARS}.depart_hour": 8, f"{CARS}.return_hour": 17}


def told(path: Path, severity: str = "warning") -> list[str]:
    return [str(fault) for fault in check_case(path) if fault.severity == severity]


def test_stamps_say_when_the_plan_begins(tmp_path: Path) -> None:
    edits = {**BY_DAY, "time.hours": 24}
    case = load_case(write_case(tmp_path / "six", edits, profiles=stamped(6, 24, 60)))
    assert case.begins_h == 6.0
    fleet = case.microgrid("MG1").ev[0]
    assert fleet.away(case.horizon()) == list(range(2, 11))
    midnight = load_case(write_case(tmp_path / "zero", edits, profiles=stamped(0, 24, 60)))
    assert midnight.begins_h == 0.0
    assert fleet.away(midnight.horizon()) == list(range(8, 17))


def test_six_of_a_day_of_quarter_hours_are_told(tmp_path: Path) -> None:
    edits = {"time.hours": 24, "time.dt_h": 0.25, "time.day": "2016-07-14", **BY_DAY}
    path = write_case(tmp_path / "short", edits, profiles=stamped(0, 192, 15))
    fleet, fit = told(path)
    assert "away from 08:00 to 17:00, never in the hours planned, 00:00 to 06:00" in fleet
    assert "24 intervals of 0.25 h are 6 h" in fit
    assert "set dt_h = 0.25 and hours = 96" in fit
    assert load_case(path).warnings == tuple(check_case(path))
    whole = write_case(
        tmp_path / "whole", {**edits, "time.hours": 96}, profiles=stamped(0, 192, 15)
    )
    assert check_case(whole) == []


def numbered(count: int, daylight: int) -> str:
    """Return numbered rows in which the sun shines in the middle half of every ``daylight``."""
    rows = ["hour,price_usd_per_mwh,feeder,homes,sun,wind"]
    for k in range(count):
        shines = daylight / 4 <= k % daylight < 3 * daylight / 4
        rows.append(f"{k},50,0.5,0.5,{0.5 * shines:g},0.5")
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize(
    ("hours", "dt_h", "daylight", "mend"),
    [
        (96, 1.0, 96, "set dt_h = 0.25 and hours = 96"),  # quarter-hours that nobody called so
        (48, 1.0, 48, "set dt_h = 0.5 and hours = 48"),
        (24, 0.25, 24, "set dt_h = 1;"),
        (24, 0.25, 24, "a day is hours = 96 with dt_h = 0.25"),
        (96, 0.25, 96, None),
        (96, 1.0, 24, None),  # four days, as the sun says
        (24, 1.0, 24, None),
        (12, 1.0, 24, None),  # half a day is nothing that looks like a day
    ],
)
def test_rows_that_look_like_a_day_of_another_step(
    tmp_path: Path, hours: int, dt_h: float, daylight: int, mend: str | None
) -> None:
    edits = {"time.hours": hours, "time.dt_h": dt_h, f"{CARS}.driving_kwh": 0.0}
    warnings = told(write_case(tmp_path, edits, profiles=numbered(hours, daylight)))
    if mend is None:
        assert warnings == []
    else:
        (warning,) = warnings
        assert "time.hours" in warning
        assert mend in warning


@pytest.mark.parametrize(
    ("time", "minutes", "mend"),
    [
        ({"time.hours": 24}, 15, "the rows are 0.25 h apart: set dt_h = 0.25 and hours = 96"),
        ({"time.hours": 96}, 15, "the rows are 0.25 h apart: set dt_h = 0.25 and hours = 96"),
        ({"time.hours": 96, "time.dt_h": 0.25}, 60, "1 h apart: set dt_h = 1 and hours = 24"),
    ],
)
def test_stamps_of_another_step_name_it(
    tmp_path: Path, time: dict[str, object], minutes: int, mend: str
) -> None:
    edits = {**time, "time.day": "2016-07-14"}
    profiles = stamped(0, 5 * 24 * 60 // minutes, minutes)
    (fault,) = told(write_case(tmp_path, edits, profiles=profiles), "error")
    assert mend in fault


def test_96_numbered_rows_where_24_are_wanted_name_both_ways(tmp_path: Path) -> None:
    (fault,) = told(write_case(tmp_path, {"time.hours": 24}, profiles=numbered(96, 96)), "error")
    assert "dt_h = 0.25 and hours = 96" in fault
