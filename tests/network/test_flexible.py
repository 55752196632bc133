"""Stores and responsive loads in an optimal power flow, against calculations by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matpower_text import branch, bus, distribution, gen, matpower

from cmgplan.devices.storage import Storage
from cmgplan.errors import InputError
from cmgplan.network.files.matpower import read_matpower
from cmgplan.network.grid import Grid
from cmgplan.network.grid_hours import GridHours, horizon_of
from cmgplan.network.opf.flexible import Placed, Responsive
from cmgplan.network.opf.problem import solve_opf


def two_buses(folder: Path) -> Grid:
    """Return 20 MW behind a line without losses, fed by one generator."""
    path = folder / "made.m"
    buses = [bus(1, kind=3), bus(2, 20.0, 4.0)]
    path.write_text(matpower(buses, [gen(1)], [branch(1, 2, r=0.0)]), encoding="utf-8")
    return read_matpower(path)


def store(**more: float) -> Storage:
    given = {"soc_start": 0.0, "p_charge_max_kw": 10e3, "p_discharge_max_kw": 10e3, **more}
    return Storage(id="B", energy_kwh=8e3, efficiency_charge=0.9, efficiency_discharge=0.8, **given)


def priced(grid: Grid, *prices: float) -> GridHours:
    return horizon_of(grid, hours=len(prices), price_usd_per_mwh=np.array(prices))


def test_a_store_buys_cheap_and_sells_dear(tmp_path: Path) -> None:
    """8 MWh full takes 8 / 0.9 MWh at 10 $ and gives 6.4 MWh at 50 $."""
    grid = two_buses(tmp_path)
    result = solve_opf(grid, profiles=priced(grid, 10, 50), storage=[Placed("2", store())])
    assert result.devices["charge_mw"][:, 0] == pytest.approx([8 / 0.9, 0.0], abs=1e-3)
    assert result.devices["discharge_mw"][:, 0] == pytest.approx([0.0, 6.4], abs=1e-3)
    assert result.devices["soc_mwh"][:, 0] == pytest.approx([8.0, 0.0], abs=1e-3)
    assert result.objective == pytest.approx(10 * (20 + 8 / 0.9) + 50 * (20 - 6.4), rel=1e-5)
    assert result.replay_max_dv_pu < 1e-6


def test_wear_keeps_a_store_idle(tmp_path: Path) -> None:
    grid = two_buses(tmp_path)
    worn = Placed("2", store(price=40.0))
    result = solve_opf(grid, profiles=priced(grid, 10, 50), storage=[worn])
    assert result.devices["charge_mw"].max() < 1e-3
    assert result.objective == pytest.approx(10 * 20 + 50 * 20, rel=1e-5)


def test_the_store_is_no_emptier_in_the_end(tmp_path: Path) -> None:
    grid = two_buses(tmp_path)
    half = Placed("2", store(soc_start=0.5))
    result = solve_opf(grid, profiles=priced(grid, 50, 10, 50), storage=[half])
    soc = result.devices["soc_mwh"][:, 0]
    assert soc[-1] == pytest.approx(4.0, abs=1e-3)
    assert soc[0] < 1.0


def test_a_store_never_charges_and_discharges_at_once(tmp_path: Path) -> None:
    """At negative prices wasting energy would pay."""
    grid = two_buses(tmp_path)
    half = Placed("2", store(soc_start=0.5))
    result = solve_opf(grid, profiles=priced(grid, -30, -30, 20), storage=[half])
    both = np.minimum(result.devices["charge_mw"], result.devices["discharge_mw"])
    assert result.status == "locally optimal"
    assert both.max() < 1e-3


def test_a_load_moves_within_its_share(tmp_path: Path) -> None:
    """20 % of 20 MW leaves the hours at 50 $ and 40 $ for those at 10 $ and 20 $."""
    grid = two_buses(tmp_path)
    result = solve_opf(
        grid, profiles=priced(grid, 10, 50, 40, 20), responsive=[Responsive("2", 0.2)]
    )
    assert result.devices["moved_mw"][:, 0] == pytest.approx([4, -4, -4, 4], abs=1e-3)
    assert result.p_mw[:, 0] == pytest.approx([24, 16, 16, 24], abs=1e-3)
    assert result.replay_max_dv_pu < 1e-6


def test_one_day_of_33_buses_keeps_every_balance(tmp_path: Path) -> None:
    path = tmp_path / "made.m"
    path.write_text(distribution("case33bw", v_min=0.88), encoding="utf-8")
    grid = read_matpower(path)
    rng = np.random.default_rng(11)
    hours = horizon_of(
        grid,
        hours=24,
        load=rng.uniform(0.4, 1.1, 24),
        price_usd_per_mwh=rng.uniform(20.0, 90.0, 24),
    )
    battery = Storage(
        id="B",
        energy_kwh=2000.0,
        p_charge_max_kw=500.0,
        p_discharge_max_kw=400.0,
        soc_start=0.5,
        soc_min=0.1,
        efficiency_charge=0.95,
        efficiency_discharge=0.95,
    )
    alone = solve_opf(grid, profiles=hours)
    moved = [Responsive(bus_id, 0.2) for bus_id in grid.bus_ids[1:]]
    both = solve_opf(grid, profiles=hours, storage=[Placed("18", battery)], responsive=moved)
    assert both.status == "locally optimal"
    assert both.objective < alone.objective
    soc, charge, discharge = (
        both.devices[name][:, 0] for name in ("soc_mwh", "charge_mw", "discharge_mw")
    )
    assert np.diff(soc) == pytest.approx((0.95 * charge - discharge / 0.95)[1:], abs=1e-7)
    assert np.abs(both.devices["moved_mw"].sum(axis=0)).max() < 1e-7
    demand = hours.p_load_pu.sum(axis=1) * grid.s_base_mva
    drawn = demand + charge - discharge + both.devices["moved_mw"].sum(axis=1)
    assert both.p_mw[:, 0] == pytest.approx(drawn + both.loss_mw, abs=1e-7)


def test_an_unknown_bus_is_refused(tmp_path: Path) -> None:
    grid = two_buses(tmp_path)
    with pytest.raises(InputError, match="bus 9 of a store or load"):
        solve_opf(grid, profiles=priced(grid, 1, 2), storage=[Placed("9", store())])
