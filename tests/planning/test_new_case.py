"""A case started from a network file: what is exact, what is noted, what is refused."""

from __future__ import annotations

import tomllib
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandapower as pp
import pandapower.networks
import pytest
from matpower_text import branch, bus, distribution, gen, matpower

from cmgplan import cli
from cmgplan.errors import InputError
from cmgplan.network.feeder import build_feeder
from cmgplan.network.powerflow import PowerFlow, power_flow
from cmgplan.planning.case import check_case, load_case
from cmgplan.planning.case.records import Case
from cmgplan.planning.pipeline import plan
from cmgplan.planning.report.run_folder import read_run, write_run
from cmgplan.planning.report.verify import verify_run
from cmgplan.planning.starter import NewCase, new_case

Start = Callable[..., tuple[NewCase, Case]]
CHAIN = ([bus(1, kind=3), bus(2, 0.3, 0.1), bus(3, 0.2, 0.05)], [branch(1, 2), branch(2, 3)])


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Start a case from the text of a MATPOWER file or from a pandapower network."""

    def begin(network: Any, **options: Any) -> tuple[NewCase, Case]:
        if isinstance(network, str):
            path = tmp_path / "made.m"
            path.write_text(network, encoding="utf-8")
        else:
            path = tmp_path / "net.json"
            pp.to_json(network, str(path))
        made = new_case(tmp_path / "mine", path, **options)
        return made, load_case(made.folder)

    return begin


def made(buses: Sequence[Sequence[float]], branches: Sequence[Sequence[float]], *gens: Any) -> str:
    """Return a file on a base of 1 MVA whose slack holds 1.02 pu."""
    units = [*gens] or [gen(1)]
    for unit in units:
        unit[5] = 1.02
    return matpower(buses, units, branches, base_mva=1.0)


def at_peak(case: Case) -> PowerFlow:
    """Solve the feeder with its own loads and those of the microgrids, all at their peak."""
    feeder = build_feeder(case)
    kva = np.zeros(feeder.n_bus, dtype=complex)
    for row in case.buses:
        kva[feeder.position(row.bus)] += complex(row.p_kw, row.q_kvar)
    for mg in case.microgrids:
        for load in mg.load:
            kva[feeder.position(mg.bus)] += complex(load.p_kw, load.q_kvar)
    return power_flow(feeder, -kva.real[None, :], -kva.imag[None, :])


def warned(case: Case) -> list[str]:
    return [str(fault) for fault in check_case(case.folder)]


def noted(new: NewCase, words: str) -> str:
    (note,) = [note for note in new.notes if words in note]
    return note


@pytest.mark.parametrize(
    ("name", "buses", "load_kw", "loss_kw", "v_min_pu"),
    [
        ("case15da", 15, 1226.4, 61.794, 0.944517),
        ("case33bw", 33, 3715.0, 202.677, 0.913090),
        ("case69", 69, 3802.1, 224.992, 0.909188),
    ],
)
def test_published_feeders_keep_their_power_flow(
    start: Start, name: str, buses: int, load_kw: float, loss_kw: float, v_min_pu: float
) -> None:
    new, case = start(distribution(name, 0.9))
    assert (new.buses, new.load_kw) == (buses, pytest.approx(load_kw))
    assert len(case.lines) == buses - 1
    assert warned(case) == []
    flow = at_peak(case)
    assert flow.loss_kw[0] == pytest.approx(loss_kw, abs=2e-3)
    assert flow.v_pu.min() == pytest.approx(v_min_pu, abs=2e-6)
    assert noted(new, "no line has a rating")


def test_two_microgrids_stand_apart_and_take_their_load_over(start: Start) -> None:
    _, case = start(distribution("case33bw", 0.9))
    assert [mg.bus for mg in case.microgrids] == ["18", "32"]
    rest = {row.bus: row.p_kw for row in case.buses}
    assert [mg.load[0].p_kw for mg in case.microgrids] == [90.0, 190.0]
    assert (rest["18"], rest["32"]) == (0.0, 20.0)
    for mg in case.microgrids:
        assert mg.mt
        assert mg.svc
        assert mg.stores()
    assert case.cluster_of("MG1") == case.cluster_of("MG2")
    assert max(case.profiles["load_feeder"]) == 1.0


def neutral(net: Any) -> Any:
    """Return a network without transformers' no-load losses, which a case leaves out."""
    net.trafo["pfe_kw"], net.trafo["i0_percent"] = 0.0, 0.0
    return net


@pytest.mark.parametrize(
    "name",
    [
        "create_cigre_network_mv",
        "create_cigre_network_lv",
        "create_kerber_landnetz_freileitung_1",
        "simple_mv_open_ring_net",
        "ieee_european_lv_asymmetric",
    ],
)
def test_pandapower_networks_keep_their_power_flow(start: Start, name: str) -> None:
    """Transformers, open switches, voltage levels and loads of single phases included."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = neutral(getattr(pandapower.networks, name)())
        pp.runpp(net, trafo_model="pi", numba=False, tolerance_mva=1e-10)
    new, case = start(net)
    assert warned(case) == []
    assert noted(new, "limits of 0.9 to 1.1 pu are assumed")
    told = {str(k): float(v) for k, v in net.res_bus.vm_pu.items()}
    feeder, flow = build_feeder(case), at_peak(case)
    common = [k for k, name in enumerate(feeder.bus_ids) if name in told]
    assert len(common) > 0.5 * len(net.bus)
    ours = flow.v_pu[0, common]
    theirs = np.array([told[feeder.bus_ids[k]] for k in common])
    assert np.abs(ours - theirs).max() < 2e-6
    assert flow.slack_p_kw[0] == pytest.approx(1000 * net.res_ext_grid.p_mw.sum(), rel=1e-5)


def test_generation_of_a_network_is_left_out_by_name(start: Start) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = pandapower.networks.create_synthetic_voltage_control_lv_network()
    new, case = start(net)
    assert "5 of 92.9 kW in all, at bus 8, 9, 11, 22, 23" in noted(new, "table sgen")
    assert new.load_kw == pytest.approx(77.0)
    assert at_peak(case).converged.all()


def test_lines_of_pandapower_are_rated_by_their_current(start: Start) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = pandapower.networks.create_cigre_network_mv()
    new, case = start(net)
    ratings = {line.line: line.rating_kva for line in case.lines}
    assert ratings["line 0"] == pytest.approx(3**0.5 * 20.0 * 145.0, rel=1e-4)
    assert "it carries 25352.9 kVA" in noted(new, "line trafo 0 is rated 27900 kVA")


def test_parallel_branches_become_one_of_their_admittance(start: Start) -> None:
    pair = [branch(2, 3, 0.02, 0.1, rate=0.5), branch(3, 2, 0.04, 0.1, rate=0.5)]
    pair[0][4], pair[1][4] = 1e-3, 2e-3
    new, case = start(made(CHAIN[0], [branch(1, 2), *pair]))
    (line,) = [line for line in case.lines if "2" in (line.from_bus, line.to_bus)][1:]
    z = 1 / (1 / (0.02 + 0.1j) + 1 / (0.04 + 0.1j)) * 100.0
    assert complex(line.r_ohm, line.x_ohm) == pytest.approx(z, rel=1e-6)
    assert line.b_us == pytest.approx(3e-3 / 100.0 * 1e6)
    assert line.rating_kva == pytest.approx(500 * abs((0.02 + 0.1j) * 100) / abs(z), rel=1e-4)
    assert noted(new, "parallel branches 2-3, 3-2 stand as one line 2-3+3-2")


def test_a_feeder_may_begin_at_a_bus_within_the_network(start: Start) -> None:
    buses = [bus(1, kind=3, kv=110.0), *CHAIN[0][1:], bus(4, 0.1), bus(5, 0.1, kind=3)]
    lines = [branch(1, 2, tap=0.95), branch(2, 3), branch(2, 4), branch(5, 1)]
    text = made(buses, lines, gen(1), gen(5))
    with pytest.raises(InputError, match=r"2 slack buses, 1, 5; .*--slack-bus"):
        start(text)
    with pytest.raises(InputError, match=r"ratio 0.95, .* begin behind it \(--slack-bus 2\)"):
        start(made(buses[:-1], lines[:-1]))
    with pytest.raises(InputError, match=r"no bus 22 in service; did you mean 2\?"):
        start(text, slack_bus="22")
    with pytest.raises(InputError, match="bus 5 feeds nothing but what the slack bus feeds"):
        start(text, slack_bus="5")
    new, case = start(text, slack_bus="2")
    assert {row.bus for row in case.buses} == {"2", "3", "4"}
    assert case.file.network.v_slack_pu == 1.0
    assert "write the voltage that its busbar is held at" in noted(new, "v_slack_pu = 1 is assumed")
    assert "2 buses that bus 2 does not feed are left out: 1, 5" in noted(new, "does not feed")


def test_what_the_file_says_of_voltages_is_kept(start: Start) -> None:
    buses = [bus(1, kind=3, v_min=1.02, v_max=1.02), *CHAIN[0][1:]]
    buses += [bus(4, 0.01, v_min=0.95, v_max=1.05), bus(5, 0.01)]
    lines = [*CHAIN[1], branch(3, 4), branch(3, 5)]
    _, case = start(made(buses, lines))
    network = case.file.network
    assert (network.v_slack_pu, network.v_min_pu, network.v_max_pu) == (1.02, 0.9, 1.1)
    own = {row.bus: (row.v_min_pu, row.v_max_pu) for row in case.buses}
    assert own.pop("4") == (0.95, 1.05)
    assert set(own.values()) == {(None, None)}


def test_limits_that_the_load_breaks_are_widened_and_noted(start: Start) -> None:
    new, case = start(distribution("case94pi", 0.9))
    assert case.file.network.v_min_pu == 0.84
    assert "bus 92 comes down to 0.8485 pu" in noted(new, "v_min_pu is 0.84, not the 0.9 given")
    assert at_peak(case).v_pu.min() > case.file.network.v_min_pu
    text = (new.folder / "case.toml").read_text(encoding="utf-8")
    comments = " ".join(line.strip("# ") for line in text.splitlines() if line.startswith("#"))
    assert all(note in comments for note in new.notes)


def test_what_a_case_cannot_hold_is_noted(start: Start) -> None:
    buses = [*CHAIN[0], bus(4, -0.05), bus(5, 0.0, 0.02), bus(6, 0.1, bs=0.3)]
    lines = [*CHAIN[1], branch(3, 4), branch(4, 5), branch(5, 6, rate=0.05)]
    new, case = start(made(buses, lines, gen(1), gen(3, 0.4)))
    assert "2 at bus 3 (up to 400 kW) is left out" in noted(new, "generator")
    assert "bus 4 (50 kW)" in noted(new, "negative load")
    assert noted(new, "bus 5 has reactive load only")
    assert "(0 kW, -300 kvar drawn)" in noted(new, "shunt at bus 6")
    assert "not the 50 given" in noted(new, "line 5-6 is rated")
    assert {row.bus: row.q_kvar for row in case.buses}["5"] == pytest.approx(20.0)


@pytest.mark.parametrize(
    ("buses", "branches", "told"),
    [
        (CHAIN[0], [*CHAIN[1], branch(1, 3)], "1 loop, one through branches"),
        (CHAIN[0], [branch(1, 2), branch(2, 3, r=-0.01)], "branch 2-3 .* negative resistance"),
        ([*CHAIN[0][:2], bus(3, 0.1, kv=0)], CHAIN[1], "bus 3 has no nominal voltage"),
        ([*CHAIN[0][:2], bus(3, 90.0)], CHAIN[1], "no solution at its load of 90300 kW"),
    ],
)
def test_what_is_no_feeder_is_refused_and_nothing_is_written(
    start: Start, tmp_path: Path, buses: Any, branches: Any, told: str
) -> None:
    with pytest.raises(InputError, match=told):
        start(made(buses, branches))
    assert [path.name for path in tmp_path.iterdir()] == ["made.m"]


def test_numbers_of_many_digits_stay_apart(start: Start) -> None:
    ids = (1, 10000001, 10000002)
    buses = [bus(ids[0], kind=3), bus(ids[1], 0.1), bus(ids[2], 0.1)]
    _, case = start(made(buses, [branch(ids[0], ids[1]), branch(ids[1], ids[2])]))
    assert [row.bus for row in case.buses] == [str(k) for k in ids]


@pytest.mark.parametrize(
    ("loads", "places"),
    [((0.0, 0.3), {"3"}), ((1.2, 0.0), {"2"}), ((5e-6, 0.0), {"2"}), ((0.4, 0.8), {"2", "3"})],
)
def test_the_feeders_total_stays_with_its_microgrids(
    start: Start, loads: tuple[float, float], places: set[str]
) -> None:
    """Also where one bus alone has a load: both microgrids take their share over from it."""
    buses = [bus(1, kind=3), bus(2, loads[0], 0.3 * loads[0]), bus(3, loads[1], 0.3 * loads[1])]
    new, case = start(made(buses, CHAIN[1]))
    assert {mg.bus for mg in case.microgrids} == places
    taken = [mg.load[0] for mg in case.microgrids]
    assert all(load.p_kw > 0.0 for load in taken)
    for unit in ("p_kw", "q_kvar"):
        total = sum(getattr(row, unit) for row in [*case.buses, *taken])
        share = 1.0 if unit == "p_kw" else 0.3
        assert total == pytest.approx(1000 * share * sum(loads), rel=1e-3)
    assert new.load_kw == pytest.approx(1000 * sum(loads))


def test_a_feeder_without_load_gets_microgrids_that_bring_their_own(start: Start) -> None:
    _, case = start(made([bus(1, kind=3), bus(2, 0.0), bus(3, 0.0)], CHAIN[1]))
    assert {mg.bus for mg in case.microgrids} == {"2", "3"}
    assert [mg.load[0].p_kw for mg in case.microgrids] == [100.0, 100.0]


def test_a_single_bus_holds_both(start: Start) -> None:
    _, case = start(made(CHAIN[0][:2], CHAIN[1][:1]))
    assert [mg.bus for mg in case.microgrids] == ["2", "2"]
    assert warned(case) == []


def test_a_folder_that_holds_something_is_left_alone(start: Start, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    start(made(*CHAIN))  # an empty one will do
    before = (tmp_path / "mine" / "case.toml").read_text(encoding="utf-8")
    with pytest.raises(InputError, match="is there already and not empty"):
        start(made(*CHAIN))
    assert (tmp_path / "mine" / "case.toml").read_text(encoding="utf-8") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made.m", "mine"]


@pytest.mark.parametrize("name", ['a "b" \\n', "é\tö", "x\ny = 1", "[grid]", "-rf", "{{ 7 * 7 }}"])
def test_hostile_names_stay_names(tmp_path: Path, name: str) -> None:
    source = tmp_path / f"{name}.m"
    source.write_text(made(*CHAIN), encoding="utf-8")
    new = new_case(tmp_path / name, source)
    case = load_case(new.folder)
    assert case.name == name.replace("\\", "-")
    assert case.file.title == f"The feeder of {name}.m with two example microgrids"
    raw = tomllib.loads((new.folder / "case.toml").read_text(encoding="utf-8"))
    assert set(raw) == {"format", "name", "title", "time", "network", "grid", "cluster"} | {
        "microgrid",
        "tie",
        "plan",
    }


def test_the_command_leads_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, folder = tmp_path / "made.m", tmp_path / "mine"
    source.write_text(made(*CHAIN), encoding="utf-8")

    def run(*arguments: object) -> int:
        with pytest.raises(SystemExit) as stop:
            cli.main([str(argument) for argument in arguments])
        return int(stop.value.code or 0)

    assert run("new", folder, "--network", source) == 0
    printed = capsys.readouterr()
    assert "3 buses, 500 kW at the peak" in printed.out
    assert f"cmgplan check {folder}, cmgplan plan {folder}" in printed.out
    assert "note: no line has a rating" in printed.err
    assert run("check", folder) == 0
    assert run("new", folder, "--network", source) == 2
    assert run("new", tmp_path / "other", "--network", tmp_path / "no.m") == 2
    assert run("new", tmp_path / "other", "--network", tmp_path) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


@pytest.mark.slow
def test_a_new_case_plans_as_it_is(start: Start, tmp_path: Path) -> None:
    _, case = start(distribution("case15da", 0.9))
    options = case.options.model_copy(update={"points": 2, "gap": 0.1, "time_limit_s": 20.0})
    run = read_run(write_run(plan(case, options), tmp_path / "run"))
    assert run.summary.replay.passed
    assert run.tables["pareto"].status.tolist() == ["optimal"] * 2
    report = verify_run(run)
    assert report.passed, [check.name for check in report.failed]
