"""Cases as feeders: load points of homes, what they serve while cut off, their configuration."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from cmgplan.building.feeder.islands import Islands
from cmgplan.building.feeder.supply import faults_table
from cmgplan.case.bundled import find_case
from cmgplan.cli import main
from cmgplan.cli.feeder_cases import reliable
from cmgplan.errors import CaseError, InputError
from cmgplan.homes.feeder.network import switched_of_homes, wanted_while_cut_off
from cmgplan.network.reliability.cycle import beginnings_h, covered_h
from cmgplan.network.reliability.indices import reliability
from cmgplan.systems import load_case

CASE = """format = 1
system = "homes"
name = "two-on-a-line"
currency = "GBP"
[time]
hours = 24
[retailer]
buy_per_kwh = 0.3
sell_per_kwh = 0.1
[network]
slack_bus = "s"
v_slack_pu = 1.0
v_min_pu = 0.9
v_max_pu = 1.1
[[home]]
id = "A"
bus = "1"
load = [{ id = "flat", carrier = "electricity", p_kw = 4.0 }]
[[home]]
id = "B"
bus = "2"
power_factor = 0.8
load = [{ id = "flat", carrier = "electricity", p_kw = "b_kw" }]
pv = [{ id = "roof", p_max_kw = 3.0, forecast = "on" }]
"""

BUSES = "bus,vn_kv\ns,11\n1,11\n2,11\n"

HEADER = "line,from_bus,to_bus,r_ohm,x_ohm,in_service"
RATES = "km,failures_per_km_year,repair_h,switching_h,protection,disconnector"

# Line b is listed towards the source; its disconnector stands at bus 1.
LINES = f"""{HEADER},{RATES}
a,s,1,0.5,0.5,1,2,0.05,4,1,breaker,
b,2,1,0.5,0.5,1,1,0.2,3,0.5,,to
"""


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(one) for one in arguments])
    return int(stop.value.code or 0)


def homes(folder: Path, lines: str = LINES, buses: str = BUSES, night_kw: float = 6.0) -> Path:
    """Write the case: home B takes 6 kW by day, and so many kW in hours 0 to 11."""
    folder.mkdir()
    (folder / "case.toml").write_text(CASE, encoding="utf-8")
    (folder / "buses.csv").write_text(buses, encoding="utf-8")
    (folder / "lines.csv").write_text(lines, encoding="utf-8")
    rows = "".join(f"{t},{night_kw if t < 12 else 6.0},1\n" for t in range(24))
    (folder / "profiles.csv").write_text(f"hour,b_kw,on\n{rows}", encoding="utf-8")
    return folder


def test_indices_of_two_homes_by_hand(tmp_path: Path) -> None:
    """Bus 1 waits 4 h for a and 0.5 h for b, bus 2 waits 4 h and 3 h: U is 0.5 and 1.0 h."""
    given = reliable(homes(tmp_path / "case"), "none", None)
    found = reliability(given.feeder)
    assert [(one.bus, one.customers) for one in given.feeder.loads] == [("1", 1.0), ("2", 1.0)]
    assert found.saifi == pytest.approx(0.3)
    assert [one.hours_per_year for one in found.load_points] == pytest.approx([0.5, 1.0])
    assert found.eens_mwh == pytest.approx((4.0 * 0.5 + 6.0 * 1.0) / 1000.0)


def test_a_roof_serves_its_home_while_it_is_cut_off(tmp_path: Path) -> None:
    """3 of 6 kW are served at bus 2, nothing at bus 1."""
    given = reliable(homes(tmp_path / "case"), "building", None)
    found = reliability(given.feeder, None, given.served, given.wanted)
    assert given.served is not None
    assert given.served("2", 22.0, 4.0) == pytest.approx(3.0)
    assert found.saidi_h == pytest.approx(0.75)
    assert found.eens_mwh == pytest.approx((4.0 * 0.5 + 3.0 * 1.0) / 1000.0)


def test_what_a_roof_makes_beyond_its_load_serves_no_other_hour(tmp_path: Path) -> None:
    """By night 1 kW is wanted and served; by day 3 of 6 kW: on the mean 1.5 kW lack, not 0.5."""
    given = reliable(homes(tmp_path / "case", night_kw=1.0), "building", None)
    assert given.feeder.loads[1].p_kw == pytest.approx(3.5)
    plain = reliability(given.feeder)
    found = reliability(given.feeder, None, given.served, given.wanted)
    assert plain.load_points[1].eens_mwh == pytest.approx(3.5e-3)
    assert found.load_points[1].eens_mwh == pytest.approx(1.5e-3)


def test_customers_of_buses_csv_come_on_top(tmp_path: Path) -> None:
    buses = "bus,vn_kv,p_kw,customers\ns,11,,\n1,11,,\n2,11,10,7\n"
    given = reliable(homes(tmp_path / "case", buses=buses), "building", None)
    assert [one.customers for one in given.feeder.loads] == [1.0, 8.0]
    assert given.feeder.loads[1].p_kw == pytest.approx(16.0)
    found = reliability(given.feeder, None, given.served, given.wanted)
    assert found.load_points[1].eens_mwh == pytest.approx(13.0e-3)


def test_buildings_lack_what_the_faults_of_their_case_tell() -> None:
    case = load_case("apartment5-33bus", system="homes")
    table = faults_table(case, "paper")
    rows = table[(table["scenario"] == "1") & (table["reconfigured"] == 0)]
    buses = int(rows["buses"].iloc[0])
    served = Islands(case, "1")("13", 14.0, 2.0)
    wanted = wanted_while_cut_off(case, "1")("13", 14.0, 2.0)
    assert 0.0 < served < wanted
    assert 2.0 * (wanted - served) == pytest.approx(rows["ens_kwh"].sum() / buses, abs=1e-6)
    assert Islands(case, "3")("13", 14.0, 2.0) == 0.0


def test_a_case_repeats_itself() -> None:
    late = covered_h(24, 1.0, 23.0, 2.5)
    assert np.flatnonzero(late).tolist() == [0, 1, 23]
    assert late[[23, 0, 1]].tolist() == [1.0, 1.0, 0.5]
    assert covered_h(24, 1.0, 20.0, 30.0).tolist() == [2.0, 2.0] + [1.0] * 18 + [2.0] * 4
    assert covered_h(4, 0.5, 9.25, 0.5).tolist() == [0.0, 0.0, 0.25, 0.25]
    assert beginnings_h(48, 1.0, 3.0, 6.0) == [21.0, 45.0]
    assert beginnings_h(6, 1.0, 3.0, 0.0) == [3.0]


def test_a_run_of_a_case_is_verified_from_its_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case, out = homes(tmp_path / "case"), tmp_path / "run"
    assert run("reliability", case, "--islands", "building", "--out", out, "--json") == 0
    assert json.loads(capsys.readouterr().out)["eens_mwh"] == pytest.approx(5.0e-3)
    assert run("verify", out) == 0
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "While cut off, homes serve what the building" in page
    islands = out / "islands.csv"
    text = islands.read_text(encoding="utf-8")
    islands.write_text(text.replace(",6,3\n", ",6,6.5\n", 1), encoding="utf-8")
    assert run("verify", out) == 5
    islands.write_text("\n".join(text.splitlines()[:-1]) + "\n", encoding="utf-8")
    assert run("verify", out) == 2
    assert "islands.csv: nothing on" in capsys.readouterr().err


def test_a_planning_case_has_indices_of_its_rates(tmp_path: Path) -> None:
    folder = tmp_path / "case"
    shutil.copytree(find_case("two-bus"), folder)
    lines = (folder / "lines.csv").read_text(encoding="utf-8").splitlines()
    rows = [f"{lines[0]},{RATES}", *(f"{row},1,0.5,2,1,breaker," for row in lines[1:])]
    (folder / "lines.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    with pytest.raises(CaseError, match="no load point has customers"):
        reliable(folder, "none", None)
    buses = (folder / "buses.csv").read_text(encoding="utf-8").splitlines()
    far = [f"{buses[0]},customers", *(f"{row},{5 * k}" for k, row in enumerate(buses[1:]))]
    (folder / "buses.csv").write_text("\n".join(far) + "\n", encoding="utf-8")
    found = reliability(reliable(folder, "none", None).feeder)
    assert (found.saifi, found.saidi_h, found.customers) == pytest.approx((0.5, 1.0, 5.0))


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (f"{HEADER}\na,s,1,1,1,1\nb,1,2,1,1,1\n", "no line has km, failures_per_km_year"),
        (LINES.replace(",1,0.2,3,", ",1,,3,"), "line b has no failures_per_km_year"),
        (LINES.replace("0.5,,to", "0.5,fuse,"), "b leads towards the source"),
        (LINES.replace(",1,0.2,3,", ",1,1e9,3,"), "lines.csv row 3: failures_per_km_year"),
    ],
)
def test_what_rates_cannot_be_is_told(tmp_path: Path, lines: str, told: str) -> None:
    with pytest.raises(CaseError, match=told):
        reliable(homes(tmp_path / "case", lines), "none", None)


def test_what_does_not_go_together_is_told(tmp_path: Path) -> None:
    case = homes(tmp_path / "case")
    with pytest.raises(InputError, match="no load mix of two-on-a-line"):
        reliable(case, "none", "1")
    with pytest.raises(InputError, match="give none or building"):
        reliable(case, "level1", None)
    with pytest.raises(CaseError, match="has no \\[network\\]"):
        reliable(Path("two-homes"), "none", None)
    with pytest.raises(InputError, match="is no case of homes"):
        reliable(Path("ieee33"), "building", None)


def test_homes_on_a_ring_are_fed_from_both_sides(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Either home over its own line: 4^2 and 6^2 cost least, so that the line between is open."""
    lines = f"{HEADER}\na,s,1,0.5,0.5,1\nb,1,2,0.5,0.5,1\nc,s,2,0.5,0.5,0\n"
    case = homes(tmp_path / "case", lines)
    grid = switched_of_homes(load_case(case, system="homes")).grid
    assert grid.p_load_pu.sum() * 1000.0 * grid.s_base_mva == pytest.approx(10.0)
    assert grid.q_load_pu.sum() * 1000.0 * grid.s_base_mva == pytest.approx(6.0 * 0.75)
    assert run("reconfigure", case, "--json", "-q") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["open_rows"], told["status"]) == ([2], "optimal")
    ohm_kw = 0.5 / 11.0**2 / 1000.0
    assert told["loss_kw"] == pytest.approx(ohm_kw * (16.0 + 36.0 + 4.5**2), rel=1e-3)
    assert run("reconfigure", case, "--write-case", tmp_path / "new", "-q") == 2
