"""Exports of runs, read back by the tools that they are for: pandapower and JSON Schema."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import networkx as nx
import numpy as np
import pandapower as pp
import pandas as pd
import pytest
from pandapower.topology import create_nxgraph
from plans import quick, small
from results import HOSTILE, make_result

import cmgplan
from cmgplan import cli
from cmgplan.errors import InputError, MachineError, ReplayError
from cmgplan.network.files.pandapower_file import Missing, read_pandapower
from cmgplan.planning.case import load_case
from cmgplan.planning.pipeline import plan
from cmgplan.planning.report import export as exports
from cmgplan.planning.report.export import Export, export_run
from cmgplan.planning.report.run_folder import Run, read_run, write_run
from cmgplan.planning.report.schedule_json import schedule_document

Networks = Callable[..., Export]
LEVELS = ("upper", "lower", "without_cmg")
LOOPS = {"plan.radial": False, "plan.hierarchy": "joint"}
"""With these options the small case closes loops of ties."""

CHARGED = """\
line,from_bus,to_bus,r_ohm,x_ohm,rating_kva,b_us,in_service
L1,1,2,2.0,2.0,1000,40,1
L2,2,3,2.0,2.0,,60,1
L3,1,3,9.0,9.0,,0,0
"""


@pytest.fixture(scope="module")
def islands(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A plan in which microgrids share power and leave the feeder alone."""
    return planned(tmp_path_factory.mktemp("islands"), {})


@pytest.fixture(scope="module")
def loops(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A connected plan with all kinds of devices, loops of ties, charging, a line left out."""
    return planned(tmp_path_factory.mktemp("loops"), LOOPS, lines=CHARGED)


def planned(folder: Path, edits: dict[str, object], **tables: str) -> Run:
    case = small(folder / "case", edits, **tables)
    return read_run(write_run(plan(case, quick(case, points=2)), folder / "run"))


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Networks:
    """Return the networks of a run at a level, exported once."""
    done: dict[tuple[Path, str], Export] = {}

    def exported(run: Run, level: str = "upper") -> Export:
        key = run.folder, level
        if key not in done:
            out = tmp_path_factory.mktemp("networks") / "out"
            done[key] = export_run(run.folder, out, level=level, formats=["pandapower"])
        return done[key]

    return exported


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run put together by hand."""
    root = tmp_path_factory.mktemp("made")
    return read_run(write_run(make_result(root / "case"), root / "run"))


def solved(export: Export, hour: int) -> Any:
    """Return a network as pandapower reads and solves it."""
    return deepcopy(read_and_solved(export.folder / "pandapower" / f"hour_{hour:02d}.json"))


@cache
def read_and_solved(path: Path) -> Any:
    net = pp.from_json(str(path))
    pp.runpp(net, numba=False)
    return net


def told(run: Run, stem: str, level: str | int, hour: int, key: str) -> pd.DataFrame:
    table = run.tables[stem]
    return table[(table["level"] == level) & (table["hour"] == hour)].set_index(key)


@pytest.mark.parametrize(
    ("which", "level"), [("islands", "upper"), *(("loops", level) for level in LEVELS)]
)
def test_pandapower_finds_the_voltages_and_losses_of_the_run(
    which: str, level: str, request: pytest.FixtureRequest, networks: Networks
) -> None:
    run: Run = request.getfixturevalue(which)
    export = networks(run, level)
    column = "without_cmg_kw" if level == "without_cmg" else f"{level}_feeder_kw"
    for hour in range(4):
        net = solved(export, hour)
        feeder = net.bus.kind == "feeder"
        v_pu = dict(zip(net.bus.name[feeder], net.res_bus.vm_pu[feeder], strict=True))
        due = told(run, "bus_voltage", level, hour, "bus")["v_pu"].to_dict()
        assert v_pu == pytest.approx(due, abs=1e-6)
        loss_kw = 1e3 * net.res_line.pl_mw.sum()
        assert loss_kw == pytest.approx(run.tables["loss"][column][hour], abs=1e-3)
    assert export.max_dv_pu is not None
    assert export.max_dv_pu < 1e-8


@pytest.mark.parametrize("level", ["upper", "lower"])
def test_what_stands_behind_each_bus_is_its_injection(
    loops: Run, level: str, networks: Networks
) -> None:
    """Closed switches make one bus of a feeder bus and the microgrids behind it."""
    export = networks(loops, level)
    for hour in range(4):
        net = solved(export, hour)
        due = told(loops, "nodal_injection", level, hour, "bus")
        for merged in nx.connected_components(create_nxgraph(net, include_lines=False)):
            inside = [net.bus.name[k] for k in merged if net.bus.kind[k] == "feeder"]
            assert len(inside) <= 1
            if inside and inside != ["1"]:
                assert injected_kva(net, merged) == pytest.approx(
                    due.p_kw[inside[0]] + 1j * due.q_kvar[inside[0]], abs=1e-4
                )


def injected_kva(net: Any, buses: set[int]) -> complex:
    total = 0j
    for table, sign in ((net.sgen, 1e3), (net.load, -1e3), (net.storage, -1e3)):
        rows = table[table.bus.isin(buses)]
        total += sign * complex(rows.p_mw.sum(), rows.q_mvar.sum())
    return total


def test_switches_stand_as_in_the_schedule(loops: Run, networks: Networks) -> None:
    export = networks(loops)
    case = load_case(loops.case_folder)
    schedule = loops.tables["switch_schedule"]
    held = 0
    for hour in range(4):
        net = solved(export, hour)
        table = net.switch.set_index("name")
        due = schedule[schedule["hour"] == hour].set_index("switch")["closed"].astype(bool)
        assert table["planned"].to_dict() == due.to_dict()
        assert (table["closed"] <= table["planned"]).all()
        closed = table[table["planned"]]
        graph = nx.MultiGraph(
            (row.bus, "feeder" if row.kind == "grid" else row.element)
            for row in closed.itertuples()
        )
        loops_closed = len(closed) - len(graph) + nx.number_connected_components(graph)
        assert (table["planned"] & ~table["closed"]).sum() == loops_closed
        held += loops_closed
        ends = net.bus.name[table["bus"]].tolist(), net.bus.name[table["element"]].tolist()
        assert list(zip(*ends, strict=True)) == [
            *((t.from_microgrid, t.to_microgrid) for t in case.ties),
            *((mg.id, mg.bus) for mg in case.microgrids),
        ]
    assert held > 0


def test_an_opened_switch_cuts(loops: Run, networks: Networks) -> None:
    """What came over it then comes from upstream, and what hangs behind it has no voltage."""
    export = networks(loops)
    net = solved(export, 1)
    before_kw = 1e3 * net.res_ext_grid.p_mw.sum()
    flow_kw = told(loops, "exchange", 5, 1, "switch")["p_to_kw"]["PCC3"]
    assert flow_kw > 20.0
    net.switch.loc[net.switch.name == "PCC3", "closed"] = False
    pp.runpp(net, numba=False)
    assert np.isnan(net.res_bus.vm_pu[net.bus.name == "MG3"]).all()
    grown_kw = 1e3 * net.res_ext_grid.p_mw.sum() - before_kw
    assert 0.0 < grown_kw - flow_kw < 1.0


def test_islanded_microgrids_share_power_without_the_feeder(
    islands: Run, networks: Networks
) -> None:
    """They are one bus that balances, the loss of the tie between clusters included."""
    export = networks(islands)
    for hour in range(4):
        net = solved(export, hour)
        microgrids = net.bus.index[net.bus.kind == "microgrid"]
        assert net.res_bus.vm_pu[microgrids].isna().all()
        assert injected_kva(net, set(microgrids)).real == pytest.approx(0.0, abs=1e-4)
        loss = net.load[net.load.name == "loss of T23"].p_mw.sum()
        flow = told(islands, "exchange", 5, hour, "switch").loc["T23"]
        assert 1e3 * loss == pytest.approx(flow.p_kw - flow.p_to_kw, abs=1e-9)
        assert flow.p_kw != 0.0


def test_every_device_stands_in_its_table(loops: Run, networks: Networks) -> None:
    export = networks(loops)
    net = solved(export, 2)
    due = told(loops, "dispatch", 5, 2, "device")
    for table, names, sign in (
        (net.load, ["MG1 homes", "MG2 shops", "MG3 mill"], -1e3),
        (net.sgen, ["MG1 mt", "MG2 pv", "MG2 wt", "MG2 svc", "MG3 mt"], 1e3),
        (net.storage, ["MG1 battery", "MG1 cars"], -1e3),
    ):
        rows = table.set_index("name")
        assert set(names) <= set(rows.index)
        for name in names:
            microgrid, device = name.split()
            mine = due[due["microgrid"] == microgrid].loc[device]
            assert sign * rows.p_mw[name] == pytest.approx(mine.p_kw, abs=1e-9)
            assert sign * rows.q_mvar[name] == pytest.approx(mine.q_kvar, abs=1e-9)
    stored = due.loc["battery"].soc_kwh
    assert net.storage.soc_percent[0] == pytest.approx(100.0 * stored / 60.0)
    assert net.storage.max_e_mwh[0] == pytest.approx(0.06)


def test_ratings_limits_and_voltages_are_the_cases(loops: Run, networks: Networks) -> None:
    net = solved(networks(loops), 0)
    assert net.line.max_i_ka[0] == pytest.approx(1.0 / (np.sqrt(3.0) * 15.0))
    assert np.isnan(net.line.max_i_ka[1])
    assert net.ext_grid.vm_pu.tolist() == [1.0]
    assert (net.bus.min_vm_pu == 0.9).all()
    assert (net.bus.max_vm_pu == 1.1).all()
    assert (net.line.r_ohm_per_km * net.line.length_km).tolist() == [2.0, 2.0, 9.0]
    charging_us = 2.0 * np.pi * net.f_hz * net.line.c_nf_per_km * net.line.length_km * 1e-3
    assert charging_us.tolist() == pytest.approx([40.0, 60.0, 0.0])
    assert net.line.in_service.tolist() == [True, True, False]


def test_our_own_reader_takes_the_networks(loops: Run, networks: Networks) -> None:
    export = networks(loops)
    grid = read_pandapower(export.folder / "pandapower" / "hour_01.json", Missing(50.0, 10.0))
    due = told(loops, "nodal_injection", "upper", 1, "bus")
    assert sorted(-1e3 * grid.p_load_pu * grid.s_base_mva) == pytest.approx(
        sorted([0.0, *due["p_kw"]]), abs=1e-4
    )


def test_the_schedule_keeps_to_its_schema_and_to_the_table(loops: Run, tmp_path: Path) -> None:
    export = export_run(loops.folder, tmp_path / "out", formats=["schedule"])
    schedule = json.loads((export.folder / "switch_schedule.json").read_text())
    schema = json.loads((export.folder / "switch_schedule.schema.json").read_text())
    assert schema["$schema"].endswith("2020-12/schema")
    checker = jsonschema.Draft202012Validator(schema)
    checker.check_schema(schema)
    checker.validate(schedule)
    table = loops.tables["switch_schedule"]
    rows = [
        (hour, s["id"], s["kind"], s["from"], s["to"], s["closed"][hour])
        for hour in range(4)
        for s in schedule["switches"]
    ]
    columns = ["hour", "switch", "kind", "from", "to", "closed"]
    assert rows == list(table[columns].itertuples(index=False, name=None))
    assert schedule["case"]["sha256"] == loops.summary.case.sha256
    for switch in schedule["switches"]:
        position, seen = switch["initially_closed"], []
        actions = {o["hour"]: o["action"] for o in switch["operations"]}
        for hour in range(4):
            position = {"open": 0, "close": 1}.get(actions.get(hour, ""), position)
            seen.append(position)
        assert seen == switch["closed"]
        assert len(actions) == len(switch["operations"]) == np.abs(np.diff([0, *seen])).sum()


@pytest.mark.parametrize(
    ("key", "value"), [("closed", [0, 2]), ("kind", "breaker"), ("operations", [{"hour": 0}])]
)
def test_the_schema_refuses_what_is_no_schedule(
    made: Run, tmp_path: Path, key: str, value: object
) -> None:
    export = export_run(made.folder, tmp_path / "out", formats=["schedule"])
    schedule = json.loads((export.folder / "switch_schedule.json").read_text())
    schema = json.loads((export.folder / "switch_schedule.schema.json").read_text())
    schedule["switches"][0][key] = value
    assert not jsonschema.Draft202012Validator(schema).is_valid(schedule)


def test_a_schedule_drives_pandapowers_switches(
    loops: Run, networks: Networks, tmp_path: Path
) -> None:
    """Operations applied hour by hour to the first network give each hour's positions."""
    export = export_run(loops.folder, tmp_path / "out", formats=["schedule"])
    schedule = json.loads((export.folder / "switch_schedule.json").read_text())
    net = solved(networks(loops), 0)
    net.switch["closed"] = [bool(s["initially_closed"]) for s in schedule["switches"]]
    for hour in range(4):
        for switch in schedule["switches"]:
            for operation in switch["operations"]:
                if operation["hour"] == hour:
                    which = net.switch.name == switch["id"]
                    net.switch.loc[which, "closed"] = operation["action"] == "close"
        assert (net.switch.closed == solved(networks(loops), hour).switch.planned).all()


def test_an_initially_closed_switch_opens_first(tmp_path: Path) -> None:
    folder = tmp_path / "case"
    make_result(folder)
    path = folder / "case.toml"
    path.write_text(
        path.read_text().replace(
            "rating_kva = 60.0 }", "rating_kva = 60.0, initially_closed = true }"
        )
    )
    case = load_case(folder)
    result = make_result(tmp_path / "other")
    table = result.tables["switch_schedule"]
    document = schedule_document(case, table, "0" * 64, 1)
    by_id = {s["id"]: s for s in document["switches"]}
    assert by_id["PCC1"]["operations"] == [{"hour": 0, "action": "open"}]
    assert by_id["PCC3"]["operations"] == [{"hour": 1, "action": "open"}]
    assert by_id["T12"]["operations"] == [
        {"hour": 0, "action": "close"},
        {"hour": 1, "action": "open"},
    ]


def test_hostile_names_stay_names(tmp_path: Path) -> None:
    run = write_run(make_result(tmp_path / "case", HOSTILE), tmp_path / "run")
    export = export_run(run, tmp_path / "out")
    net = solved(export, 0)
    assert HOSTILE["MG1"] in set(net.bus.name)
    assert HOSTILE["PCC1"] in set(net.switch.name)
    schedule = json.loads((export.folder / "switch_schedule.json").read_text())
    assert HOSTILE["PCC1"] in {s["id"] for s in schedule["switches"]}


def test_an_export_says_what_it_holds(made: Run) -> None:
    export = cmgplan.export_run(str(made.folder))
    assert export.folder == made.folder.with_name("run-export")
    found = {p.relative_to(export.folder).as_posix() for p in export.folder.rglob("*.*")}
    assert found == {*export.files, "cmgplan-export.json", "README.txt"}
    assert {"pandapower/hour_00.json", "switch_schedule.json", "by_hand.m"} <= found
    about = json.loads((export.folder / "cmgplan-export.json").read_text())
    assert about["replay"]["max_dv_pu"] == export.max_dv_pu < 1e-8
    readme = (export.folder / "README.txt").read_text()
    assert all(name in readme for name in export.files)


def test_an_earlier_export_is_replaced_and_nothing_else(made: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_run(made.folder, out, formats=["matpower"])
    export_run(made.folder, out, formats=["schedule"])
    assert not (out / "by_hand.m").exists()
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "README.txt").write_text("years of work")
    for place in (thesis, made.folder):
        with pytest.raises(InputError, match="not an export"):
            export_run(made.folder, place)
    assert [path.name for path in thesis.iterdir()] == ["README.txt"]
    assert (made.folder / "plan.json").is_file()


def test_a_failure_leaves_the_earlier_export(
    made: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    export_run(made.folder, out, formats=["schedule"])

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(exports, "matpower_text", fail)
    with pytest.raises(MachineError, match="disk is full"):
        export_run(made.folder, out, formats=["schedule", "matpower"])
    assert (out / "switch_schedule.json").is_file()
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("stem", "column"), [("bus_voltage", "v_pu"), ("loss", "upper_feeder_kw"), ("dispatch", "p_kw")]
)
def test_a_run_that_pandapower_does_not_confirm_is_not_exported(
    loops: Run, tmp_path: Path, stem: str, column: str
) -> None:
    """A single value that is off shows, whichever it is."""
    folder = tmp_path / "run"
    shutil.copytree(loops.folder, folder)
    table = pd.read_csv(folder / f"{stem}.csv")
    rows = table["hour"] == 0
    if "level" in table:
        rows &= table["level"].isin([5, "upper"])
    if stem == "dispatch":
        rows &= table["device"] == "mill"
    if stem == "bus_voltage":
        rows &= table["bus"] == 3
    table.loc[rows, column] += {"v_pu": 2e-6, "upper_feeder_kw": 2e-3, "p_kw": 2.0}[column]
    assert rows.sum() == 1
    table.to_csv(folder / f"{stem}.csv", index=False)
    with pytest.raises(ReplayError, match="hour 0 differs"):
        export_run(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("stem", "level", "message"),
    [
        ("dispatch", "5", "dispatch.csv: has no row for level 5, hour 0, MG3 mt"),
        ("exchange", "5", "exchange.csv: has no row for level 5, hour 0, PCC3"),
        ("switch_schedule", None, "switch_schedule.csv: has no row for hour 0, PCC3"),
        ("nodal_injection", "upper", "has no row for level upper, hour 0, bus 2"),
    ],
)
def test_a_run_with_missing_rows_is_explained(
    loops: Run, tmp_path: Path, stem: str, level: str | None, message: str
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(loops.folder, folder)
    table = pd.read_csv(folder / f"{stem}.csv", dtype=str)
    gone = table["hour"] == "0"
    if level is not None:
        gone &= table["level"] == level
    if stem == "dispatch":
        gone &= (table["microgrid"] == "MG3") & (table["device"] == "mt")
    elif stem == "nodal_injection":
        gone = table["level"] == level
    else:
        gone &= table["switch"] == "PCC3"
    table[~gone].to_csv(folder / f"{stem}.csv", index=False)
    with pytest.raises(InputError, match=message):
        export_run(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"level": "middle"}, "--level middle: give upper, lower, without_cmg"),
        ({"formats": ["dss"]}, "--format dss: give pandapower, schedule, matpower or all"),
        ({"formats": []}, "--format"),
        ({"hour": 2}, "--hour 2: the run has the hours 0 to 1"),
        ({"hour": -1}, "--hour -1: the run has the hours 0 to 1"),
    ],
)
def test_what_cannot_be_exported_is_said(
    made: Run, tmp_path: Path, asked: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        export_run(made.folder, tmp_path / "out", **asked)
    assert not (tmp_path / "out").exists()


def test_the_command_tells_what_it_wrote(
    made: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["export", str(made.folder), "--out", str(tmp_path / "out"), "--hour", "0"])
    assert stop.value.code == 0
    printed = capsys.readouterr().out
    assert "2 pandapower networks, upper" in printed
    assert "by_hand.m: the feeder with the demand and the price of hour 0, as asked for" in printed
    with pytest.raises(SystemExit) as stop:
        cli.main(["export", str(made.folder), "--format", "dss"])
    assert stop.value.code == 2
    assert "--format dss" in capsys.readouterr().err
