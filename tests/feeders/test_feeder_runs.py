"""Folders of reconfigurations and of studies of reliability: written, verified, drawn again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matpower_text import branch, bus, gen, matpower
from switched_networks import drawn

from cmgplan.case.bundled import bundled_cases
from cmgplan.cli import main
from cmgplan.errors import InputError
from cmgplan.feeders.report.configuration import (
    read_configuration,
    solved_hour,
    verify_configuration,
    write_configuration,
)
from cmgplan.feeders.report.drawing import places
from cmgplan.feeders.report.reliability import read_reliability, verify_reliability
from cmgplan.feeders.result import of_day, of_fault, of_hour
from cmgplan.network.reconfiguration.day.loads import HourlyLoads
from cmgplan.network.reconfiguration.day.search import reconfigure_day
from cmgplan.network.reconfiguration.ens import restore
from cmgplan.network.reconfiguration.search import reconfigure
from cmgplan.planning.case.network import read_switched_network
from cmgplan.run_kinds import system_of_run

RBTS2 = Path(__file__).parents[1] / "data" / "rbts2"

RING = matpower(
    [bus(1, kind=3), bus(2, 2.0, 0.5), bus(3, 3.0, 1.0), bus(4, 1.0)],
    [gen(1)],
    [branch(1, 2), branch(2, 3), branch(3, 4), branch(1, 4, on=0)],
)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    return int(stop.value.code or 0)


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run of a ring, written by the command."""
    folder = tmp_path_factory.mktemp("ring")
    (folder / "ring.m").write_text(RING, encoding="utf-8")
    assert run("reconfigure", str(folder / "ring.m"), "-q", "--out", str(folder / "run")) == 0
    return folder / "run"


def test_a_run_is_verified_from_its_files_and_drawn_again(
    ring: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert system_of_run(ring) == "reconfigure"
    assert run("verify", str(ring)) == 0
    assert "all 6 checks hold" in capsys.readouterr().out
    page = (ring / "report.html").read_text(encoding="utf-8")
    (ring / "report.html").unlink()
    assert run("report", str(ring)) == 0
    assert (ring / "report.html").read_text(encoding="utf-8") == page
    assert "none loses less than" in page
    assert run("export", str(ring)) == 2
    assert "is a reconfiguration; export takes plans" in capsys.readouterr().err
    course = pd.read_csv(ring / "course.csv")
    told = json.loads((ring / "reconfiguration.json").read_text(encoding="utf-8"))
    assert course["value"].iloc[-1] == pytest.approx(told["value"])
    assert course["bound"].iloc[-1] == pytest.approx(told["bound"])
    assert told["result"]["open_rows"] == [3] or told["result"]["open_rows"] == [2]


ALTERED = {
    "hours.csv": ("loss_kw", 0, lambda v: v * 1.01, "power flow"),
    "loads.csv": ("v_pu", 2, lambda v: v + 1e-4, "independent power flow"),
    "buses.csv": ("v_min_pu", 2, lambda v: 0.9999, "limits"),
    "states.csv": ("closed", 0, lambda v: 1 - v, "radial"),
    "course.csv": ("bound", -1, lambda v: v * 1.1, "sums and bound"),
}


@pytest.mark.parametrize("file", ALTERED)
def test_an_altered_table_is_found_out(tmp_path: Path, ring: Path, file: str) -> None:
    column, row, change, check = ALTERED[file]
    folder = shutil.copytree(ring, tmp_path / "run")
    table = pd.read_csv(folder / file)
    at = table.index[row]
    table[column] = table[column].astype(float) if file != "states.csv" else table[column]
    table.loc[at, column] = change(table.loc[at, column])
    table.to_csv(folder / file, index=False)
    failed = {c.name for c in verify_configuration(read_configuration(folder)) if not c.passed}
    assert check in failed
    assert run("verify", str(folder)) == 5


@pytest.mark.parametrize(("key", "value"), [("bound", 1e6), ("value", 1.0), ("status", "feasible")])
def test_an_altered_figure_is_found_out(
    tmp_path: Path, ring: Path, key: str, value: object
) -> None:
    folder = shutil.copytree(ring, tmp_path / "run")
    path = folder / "reconfiguration.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    told[key] = value
    path.write_text(json.dumps(told), encoding="utf-8")
    failed = {c.name for c in verify_configuration(read_configuration(folder)) if not c.passed}
    assert failed == {"sums and bound"}
    del told[key]
    path.write_text(json.dumps(told), encoding="utf-8")
    with pytest.raises(InputError, match=f"{key} is missing"):
        read_configuration(folder)


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_networks_of_every_kind_are_written_and_verified(tmp_path: Path, seed: int) -> None:
    # Generation, two sources, ratings and charging with fixed branches, each of its own hour.
    network = drawn(seed + 5)
    found = reconfigure(network)
    write_configuration(of_hour(network, found, {"gap": 1e-3}), tmp_path / "run")
    checks = verify_configuration(read_configuration(tmp_path / "run"))
    assert all(check.passed for check in checks)


def test_a_day_and_a_fault_are_written_and_verified(tmp_path: Path) -> None:
    network = drawn(5)
    factor = np.random.default_rng(5).uniform(0.1, 1.0, (3, network.grid.n_bus))
    loads = HourlyLoads(factor * network.grid.p_load_pu, factor * network.grid.q_load_pu)
    day = reconfigure_day(network, loads, blocks=3, max_operations=2)
    run_folder = write_configuration(of_day(network, loads, day, {"gap": 1e-3}), tmp_path / "day")
    told = read_configuration(run_folder)
    assert told.tables["hours"]["loss_kw"].sum() == pytest.approx(day.loss_kwh)
    assert "Losses by hour" in (run_folder / "report.html").read_text(encoding="utf-8")
    ends = network.ends(0)
    cut = restore(network, ends)
    write_configuration(of_fault(network, cut, {"gap": 1e-3}), tmp_path / "fault")
    assert all(c.passed for c in verify_configuration(read_configuration(tmp_path / "fault")))


def test_what_nothing_feeds_has_no_voltage_on_the_page(tmp_path: Path) -> None:
    path = tmp_path / "line.m"
    buses = [bus(1, kind=3), bus(2, 2.0), bus(3, 3.0)]
    path.write_text(matpower(buses, [gen(1)], [branch(1, 2), branch(2, 3)]), encoding="utf-8")
    out = tmp_path / "run"
    fault = ("--minimise", "ens", "--fault", "2,3")
    assert run("reconfigure", str(path), *fault, "-q", "--out", str(out)) == 0
    loads = pd.read_csv(out / "loads.csv")
    assert loads["served"].tolist() == [1.0, 1.0, 0.0]
    assert loads["v_pu"].isna().tolist() == [False, False, True]
    assert run("verify", str(out)) == 0


def test_a_loop_has_no_voltages() -> None:
    network = drawn(0)
    every = np.ones(len(network.closed), dtype=np.bool_)
    v, loss = solved_hour(network, every, network.grid.p_load_pu, network.grid.q_load_pu)
    assert np.isnan(loss)
    assert np.isnan(np.delete(v, network.grid.reference)).all()


def test_a_feeder_is_drawn_without_crossings() -> None:
    at = places(["S"], [("S", "a"), ("a", "b"), ("a", "c"), ("c", "d")])
    assert at["S"] == (0.0, 0.0)
    assert [at[bus][0] for bus in "abcd"] == [1.0, 2.0, 2.0, 3.0]
    assert len({at["b"], at["c"], at["d"]}) == 3


def test_a_study_of_reliability_is_verified_and_an_altered_one_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "study"
    assert run("reliability", str(RBTS2), "--out", str(out)) == 0
    assert system_of_run(out) == "reliability"
    assert run("verify", str(out)) == 0
    assert run("report", str(out)) == 0
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "One more disconnector L18 (c1-c2), to end would save" in page
    for stem, column in (("faults", "saidi_h"), ("additions", "eens_saved_mwh")):
        altered = shutil.copytree(out, tmp_path / stem)
        table = pd.read_csv(altered / f"{stem}.csv")
        table.loc[1, column] += 0.01
        table.to_csv(altered / f"{stem}.csv", index=False)
        failed = [c.name for c in verify_reliability(read_reliability(altered)) if not c.passed]
        assert f"{stem}.csv" in failed
    assert run("verify", str(tmp_path / "faults")) == 5
    (out / "case" / "lines.csv").unlink()
    assert run("verify", str(out)) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_case_is_written_with_the_lines_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = next(case.folder for case in bundled_cases() if case.name == "ieee33")
    meshed = shutil.copytree(source, tmp_path / "meshed")
    rows = (meshed / "lines.csv").read_text(encoding="utf-8").splitlines()
    header = rows[0].split(",")
    tie = {"line": "T1", "from_bus": "21", "to_bus": "8", "r_ohm": "0.3", "x_ohm": "0.3",
           "in_service": "0"}  # fmt: skip
    assert "in_service" not in header
    rows = [f"{row},1" for row in rows]
    rows[0] = ",".join([*header, "in_service"])
    rows.append(",".join(tie.get(column, "") for column in [*header, "in_service"]))
    (meshed / "lines.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    out = tmp_path / "better"
    asked = ("--blocks", "1", "-q", "--gap", "0.02", "--write-case", str(out))
    assert run("reconfigure", str(meshed), *asked) == 0
    written = read_switched_network(out)
    assert int((~written.closed).sum()) == 1
    assert written.closed[-1]
    assert run("check", str(out)) == 0
    # What stands there is left alone, and other networks are no cases.
    assert run("reconfigure", str(meshed), *asked) == 2
    assert "is there already" in capsys.readouterr().err
    (tmp_path / "ring.m").write_text(RING, encoding="utf-8")
    assert run("reconfigure", str(tmp_path / "ring.m"), "-q", "--write-case", str(out)) == 2
    assert run("reconfigure", str(tmp_path / "ring.m"), "-q", "--blocks", "2") == 2
    assert "give --profiles FILE" in capsys.readouterr().err


def test_profiles_of_a_file_make_a_day(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network, factors = tmp_path / "ring.m", tmp_path / "factors.csv"
    network.write_text(RING, encoding="utf-8")
    factors.write_text("hour,factor,2\n0,0.5,0\n1,1,1\n2,0.2,3\n", encoding="utf-8")
    asked = (str(network), "--profiles", str(factors), "-q", "--json")
    assert run("reconfigure", *asked) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["status"] == "optimal"
    assert len(told["loss_kw"]) == 3
    assert [(b["from_hour"], b["to_hour"]) for b in told["blocks"]] == [(0, 2)]
    assert run("reconfigure", *asked, "--blocks", "4") == 2
    assert "give 1 to 3" in capsys.readouterr().err
    assert run("reconfigure", *asked, "--max-operations", "1") == 2
    assert "give --blocks 2 or more" in capsys.readouterr().err
    assert run("reconfigure", *asked, "--minimise", "ens", "--fault", "1,2") == 2
    assert "is of one hour" in capsys.readouterr().err


def test_switches_where_nothing_leads_stay_as_they_stood(tmp_path: Path) -> None:
    text = matpower(
        [bus(1, kind=3), bus(2, 2.0), bus(3, 3.0), bus(4, 1.0)],
        [gen(1)],
        [branch(1, 2), branch(2, 3), branch(3, 4)],
    )
    (tmp_path / "line.m").write_text(text, encoding="utf-8")
    network = read_switched_network(tmp_path / "line.m")
    found = restore(network, ("1", "2"))
    assert (found.isolated_kw, found.operations) == (pytest.approx(6000.0), 0)
    assert found.open_rows == (1,)
    out = write_configuration(of_fault(network, found, {"gap": 1e-3}), tmp_path / "run")
    assert all(check.passed for check in verify_configuration(read_configuration(out)))


def test_nothing_is_switched_that_gains_nothing(tmp_path: Path) -> None:
    text = matpower(
        [bus(1, kind=3), bus(2), bus(3)],
        [gen(1)],
        [branch(1, 2), branch(2, 3), branch(1, 3, on=0)],
    )
    (tmp_path / "idle.m").write_text(text, encoding="utf-8")
    found = reconfigure(read_switched_network(tmp_path / "idle.m"))
    assert (found.loss_kw, found.open_rows, found.status) == (0.0, (3,), "optimal")


def test_a_network_that_breaks_limits_as_given_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = matpower(
        [bus(1, kind=3), bus(2, 2.0), bus(3, 3.0)],
        [gen(1)],
        [branch(1, 2, rate=1e-3), branch(2, 3), branch(1, 3, on=0)],
    )
    (tmp_path / "tight.m").write_text(text, encoding="utf-8")
    assert run("reconfigure", str(tmp_path / "tight.m"), "-q") == 0
    told = capsys.readouterr().err
    assert "note: the network as given breaks limits: branch 1-2 (row 1) carries 50" in told
