"""Reliability indices: published cases, hand-computed feeders, monotonicity, bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cmgplan.cli import main
from cmgplan.errors import CaseError, InputError
from cmgplan.network.reliability.additions import Addition, additions
from cmgplan.network.reliability.indices import Reliability, reliability
from cmgplan.network.reliability.limits import within_limits
from cmgplan.network.reliability.read import (
    LoadPoint,
    ReliableFeeder,
    ReliableLine,
    Tie,
    checked_feeder,
    read_reliable_feeder,
)

RBTS2 = Path(__file__).parents[1] / "data" / "rbts2"

CASES = {
    "A": (0.248211, 3.612587, 14.554504, 37.7457),
    "B": (0.602353, 22.496435, 37.347594, 231.2634),
    "C": (0.248211, 4.162989, 16.771978, 43.8244),
    "D": (0.602353, 6.749831, 11.205774, 67.2861),
    "E": (0.248211, 0.765575, 3.084371, 8.8438),
}
"""SAIFI, SAIDI, CAIDI and ENS in MWh; A, D and E are published to three or four digits."""


def changed(feeder: ReliableFeeder, change: Callable[[ReliableLine], dict]) -> ReliableFeeder:
    lines = tuple(line.model_copy(update=change(line)) for line in feeder.lines)
    return replace(feeder, lines=lines)


def rbts2(case: str) -> ReliableFeeder:
    feeder = read_reliable_feeder(RBTS2)
    if case in "BD":
        feeder = changed(
            feeder, lambda line: {"protection": None} if line.protection == "fuse" else {}
        )
    if case in "BC":
        feeder = changed(feeder, lambda line: {"disconnector": None})
    if case == "E":
        feeder = changed(feeder, lambda line: {"transformer_repair_h": 10.0})
    return feeder


def line(name: str, start: str, end: str, **more: object) -> ReliableLine:
    given = {"km": 1.0, "failures_per_km_year": 0.1, "repair_h": 4.0, "switching_h": 1.0}
    return ReliableLine.model_validate(
        {"line": name, "from_bus": start, "to_bus": end, **given, **more}
    )


def load(bus: str, customers: float = 10.0, p_kw: float = 100.0) -> LoadPoint:
    return LoadPoint(bus=bus, p_kw=p_kw, customers=customers)


@pytest.mark.parametrize("case", CASES)
def test_the_roy_billinton_system_bus_2(case: str) -> None:
    found = reliability(rbts2(case))
    saifi, saidi, caidi, ens = CASES[case]
    assert found.saifi == pytest.approx(saifi, abs=1e-6)
    assert found.saidi_h == pytest.approx(saidi, abs=1e-6)
    assert found.caidi_h == pytest.approx(caidi, abs=1e-6)
    assert found.eens_mwh == pytest.approx(ens, abs=1e-4)
    assert found.customers == 1908
    assert found.asai == pytest.approx(1.0 - saidi / 8760.0, abs=1e-9)
    assert found.aens_kwh == pytest.approx(1000.0 * ens / 1908, abs=1e-3)


def test_two_sections_by_hand() -> None:
    # S --breaker-- a --disconnector-- b: a fault of L1 takes both out for 4 h (b has no tie), a
    # fault of L2 takes a out for the hour of switching and b for 4 h.
    lines = [
        line("L1", "S", "a", protection="breaker"),
        line("L2", "a", "b", disconnector="from"),
    ]
    found = reliability(checked_feeder(lines, [load("a"), load("b", 30.0)]))
    a, b = found.load_points
    assert (a.failures_per_year, b.failures_per_year) == pytest.approx((0.2, 0.2))
    assert a.hours_per_year == pytest.approx(0.1 * 4 + 0.1 * 1)
    assert b.hours_per_year == pytest.approx(0.1 * 4 + 0.1 * 4)
    assert found.saidi_h == pytest.approx((10 * 0.5 + 30 * 0.8) / 40)
    assert found.eens_mwh == pytest.approx(0.1 * (0.5 + 0.8))
    # A tie at b brings b back after switching when L1 fails and a disconnector parts the two.
    tied = [*lines, line("L3", "S", "c", protection="breaker")]
    back = reliability(
        checked_feeder(tied, [load("a"), load("b", 30.0)], [Tie(tie="T", from_bus="c", to_bus="b")])
    )
    assert back.load_points[1].hours_per_year == pytest.approx(0.1 * 1 + 0.1 * 4)
    assert back.load_points[0].hours_per_year == pytest.approx(0.1 * 4 + 0.1 * 1)


def test_where_the_disconnector_stands_decides() -> None:
    def at(end: str) -> Reliability:
        lines = [line("L1", "S", "a", protection="breaker"), line("L2", "a", "b", disconnector=end)]
        return reliability(checked_feeder(lines, [load("a"), load("b")]))

    # At the to end of L2 its faults stay in the section of a.
    assert at("from").load_points[0].hours_per_year == pytest.approx(0.5)
    assert at("to").load_points[0].hours_per_year == pytest.approx(0.8)
    assert at("both").load_points[0].hours_per_year == pytest.approx(0.5)


def test_a_feeder_without_devices_is_out_for_the_repair() -> None:
    lines = [line("L1", "S", "a"), line("L2", "a", "b"), line("L3", "S", "c")]
    found = reliability(checked_feeder(lines, [load("a"), load("b"), load("c")]))
    assert found.saifi == pytest.approx(0.3)
    assert found.caidi_h == pytest.approx(4.0)


def test_double_failure_rates_double_the_frequency() -> None:
    feeder = rbts2("A")
    doubled = changed(
        feeder,
        lambda line: {
            "failures_per_km_year": 2.0 * line.failures_per_km_year,
            "transformer_failures_per_year": 2.0 * line.transformer_failures_per_year,
        },
    )
    once, twice = reliability(feeder), reliability(doubled)
    assert twice.saifi == pytest.approx(2.0 * once.saifi, rel=1e-12)
    assert twice.caidi_h == pytest.approx(once.caidi_h, rel=1e-12)


def test_another_device_or_tie_never_lengthens_interruptions() -> None:
    feeder = rbts2("D")
    before = reliability(feeder).saidi_h
    for k in feeder.lines:
        one = changed(feeder, lambda o, k=k: {"disconnector": "both"} if o.line == k.line else {})
        assert reliability(one).saidi_h <= before + 1e-12
    for pair in (("a4", "d4"), ("b1", "c2"), ("1", "22")):
        tie = Tie(tie="new", from_bus=pair[0], to_bus=pair[1])
        assert reliability(replace(feeder, ties=(*feeder.ties, tie))).saidi_h <= before + 1e-12
    assert reliability(replace(feeder, ties=())).saidi_h > before


def test_faults_of_the_lines_add_up_to_the_indices() -> None:
    found = reliability(rbts2("A"))
    assert sum(f.saifi for f in found.faults) == pytest.approx(found.saifi, rel=1e-12)
    assert sum(f.saidi_h for f in found.faults) == pytest.approx(found.saidi_h, rel=1e-12)
    assert sum(f.eens_mwh for f in found.faults) == pytest.approx(found.eens_mwh, rel=1e-12)


def limited(rating_kva: float | None, r_ohm: float = 1.0) -> Reliability:
    with_z = {"r_ohm": 0.5, "x_ohm": 0.5, "vn_kv": 10.0}
    lines = [
        line("L1", "S", "a", protection="breaker", **with_z),
        line("L2", "a", "b", disconnector="from", **with_z),
        line("L3", "S", "c", protection="breaker", **with_z),
    ]
    tie = Tie(tie="T", from_bus="c", to_bus="b", r_ohm=r_ohm, x_ohm=1.0, rating_kva=rating_kva)
    feeder = checked_feeder(lines, [load("a"), load("b", p_kw=1000.0), load("c")], [tie])
    return reliability(feeder, within_limits(feeder))


def test_a_tie_restores_only_within_rating_and_voltage() -> None:
    restored, cut = 0.1 * 1 + 0.1 * 4, 0.8
    assert limited(None).load_points[1].hours_per_year == pytest.approx(restored)
    assert limited(1200.0).load_points[1].hours_per_year == pytest.approx(restored)
    assert limited(900.0).load_points[1].hours_per_year == pytest.approx(cut)
    # 1 MW over 15 ohm at 10 kV drops more than a tenth.
    assert limited(None, r_ohm=15.0).load_points[1].hours_per_year == pytest.approx(cut)
    with pytest.raises(InputError, match=r"lines.csv L1.*r_ohm"):
        within_limits(rbts2("A"))


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["reliability", *arguments])
    return int(stop.value.code or 0)


def test_the_command_prints_the_agreed_keys(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(RBTS2), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    keys = {"saifi", "saidi_h", "caidi_h", "asai", "eens_mwh", "aens_kwh", "load_points"}
    assert keys <= set(told)
    assert told["saidi_h"] == pytest.approx(3.6126, abs=1e-4)
    assert len(told["load_points"]) == 22
    assert run(str(RBTS2)) == 0
    out = capsys.readouterr().out
    assert "SAIFI, interruptions a year" in out
    assert "14.554504" in out
    assert run(str(RBTS2), "--restore", "limits") == 2
    assert "limits need impedances" in capsys.readouterr().err
    assert run(str(RBTS2), "--restore", "none") == 2
    assert "give topology or limits" in capsys.readouterr().err


BROKEN = {
    "ties.csv": [
        ("T1,a4,b2", "T1,a4,b9", "ties.csv row 2: to_bus b9 is not in lines.csv"),
        ("T1,a4,b2", "T1,a4,a4", "ties.csv row 2: it begins and ends at bus a4"),
        ("T1,a4,b2", "T1,a4", "ties.csv row 2: it has 2 cells"),
    ],
    "lines.csv": [
        ("L4,a1,a2,0.75,0.065", "L4,a1,a2,0.75,-0.065", "lines.csv row 3: failures_per_km_year"),
        ("L4,a1,a2", "L1,a1,a2", "lines.csv row 3: the line id L1 stands already at row 2"),
        ("L4,a1,a2", "L4,a9,a2", "lines.csv: S, a9 are fed by no line"),
        ("L4,a1,a2", "L4,a1,a1", "lines.csv row 3: bus a1 is fed by L1 already"),
        ("breaker", "relay", "lines.csv row 2: protection"),
        ("line,from_bus", "lyne,from_bus", "lines.csv row 1: lyne is not a known column"),
        ("L1,S,a1,0.75", "L1,S,a1,long", "lines.csv row 2: km"),
    ],
    "loads.csv": [
        ("1,535,210", "99,535,210", "loads.csv row 2: bus 99 is not in lines.csv"),
        ("2,535,210", "1,535,210", "loads.csv row 3: the bus id 1 stands already at row 2"),
        ("1,535,210", "1,535,-3", "loads.csv row 2: customers"),
    ],
}


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [(file, *fault) for file, faults in BROKEN.items() for fault in faults],
)
def test_faults_of_the_files_are_named_with_the_mend(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str, old: str, new: str, told: str
) -> None:
    for path in RBTS2.glob("*.csv"):
        text = path.read_text(encoding="utf-8")
        if path.name == file:
            assert old in text
            text = text.replace(old, new, 1)
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    assert run(str(tmp_path)) == 2
    err = capsys.readouterr().err
    assert told in err
    assert "Traceback" not in err


def test_a_ring_has_no_source_and_a_folder_has_to_be_there(tmp_path: Path) -> None:
    ring = [line("L1", "a", "b"), line("L2", "b", "a")]
    with pytest.raises(CaseError, match="no source: every bus is the to_bus"):
        checked_feeder(ring, [load("a")])
    with pytest.raises(CaseError, match="no such folder"):
        read_reliable_feeder(tmp_path / "none")
    with pytest.raises(CaseError, match=r"loads.csv"):
        (tmp_path / "lines.csv").write_text((RBTS2 / "lines.csv").read_text(), encoding="utf-8")
        read_reliable_feeder(tmp_path)


IMPOSSIBLE = [
    ("L1,S,a1,0.75,0.065,5", "L1,S,a1,0.75,1e308,5", "lines.csv row 2: failures_per_km_year"),
    ("L1,S,a1,0.75,0.065,5", "L1,S,a1,1e308,0.065,5", "lines.csv row 2: km"),
    ("L1,S,a1,0.75,0.065,5", "L1,S,a1,0.75,0.065,1e308", "lines.csv row 2: repair_h"),
    ("L1,S,a1,0.75,0.065,5", "L1,S,a1,0.75,0.065,nan", "lines.csv row 2: repair_h"),
    ("L1,S,a1,0.75,0.065,5", "L1,S,a1,0.75,0.065,-5", "lines.csv row 2: repair_h"),
    ("L1,S,a1,0.75,0.065,5", "L1,S,a1,75,1,500", "make 37500 h of repair in a year of 8760 h"),
    ("1,535,210", "1,1e308,210", "loads.csv row 2: p_kw"),
    ("1,535,210", "1,535,1e308", "loads.csv row 2: customers"),
]


@pytest.mark.parametrize(("old", "new", "told"), IMPOSSIBLE)
def test_rates_times_and_loads_that_cannot_be_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, told: str
) -> None:
    for path in RBTS2.glob("*.csv"):
        text = path.read_text(encoding="utf-8")
        (tmp_path / path.name).write_text(text.replace(old, new, 1), encoding="utf-8")
    assert run(str(tmp_path), "--json") == 2
    out, err = capsys.readouterr()
    assert told in err
    assert out == ""
    assert "Traceback" not in err


def test_a_load_point_cut_off_for_more_than_the_year_is_refused() -> None:
    # Each line is down for 8000 h, so that single faults tell of 16 000 h for the end.
    often = {"failures_per_km_year": 100.0, "repair_h": 80.0}
    feeder = checked_feeder([line("L1", "S", "a", **often), line("L2", "a", "b", **often)],
                            [load("a"), load("b")])  # fmt: skip
    with pytest.raises(CaseError, match=r"loads.csv bus a: .* 16,000 h of the year's 8760"):
        reliability(feeder)
    with pytest.raises(CaseError, match="no load point has customers"):
        checked_feeder([line("L1", "S", "a")], [])


def with_addition(feeder: ReliableFeeder, one: Addition) -> ReliableFeeder:
    if one.kind == "tie":
        tie = Tie(tie="new", from_bus=one.from_bus, to_bus=one.to_bus)
        return replace(feeder, ties=(*feeder.ties, tie))
    end = "both"
    return changed(
        feeder,
        lambda o: {} if o.line != one.line
        else {"protection": "breaker"} if one.kind == "breaker"
        else {"disconnector": one.end if o.disconnector is None else end},
    )  # fmt: skip


@pytest.mark.parametrize("case", "ABCD")
def test_the_ranking_is_what_the_feeder_with_the_device_tells(case: str) -> None:
    feeder = rbts2(case)
    before = reliability(feeder)
    ranked = additions(feeder, 1000)
    assert [one.saidi_saved_h for one in ranked] == sorted(
        (one.saidi_saved_h for one in ranked), reverse=True
    )
    # Without disconnectors, or with all sections tied, another tie restores nothing more.
    assert ("tie" in {one.kind for one in ranked}) == (case in "AC")
    for one in ranked[::19]:
        after = reliability(with_addition(feeder, one))
        assert before.saidi_h - after.saidi_h == pytest.approx(one.saidi_saved_h, abs=1e-12)
        assert before.saifi - after.saifi == pytest.approx(one.saifi_saved, abs=1e-12)
        assert before.eens_mwh - after.eens_mwh == pytest.approx(one.eens_saved_mwh, abs=1e-9)


def test_the_best_single_addition_by_hand() -> None:
    # S --breaker-- a --- b: a disconnector at b's line saves a the 3 h that its fault needs more
    # than switching; a tie from S to b alone saves nothing, since nothing parts a from b.
    feeder = checked_feeder(
        [line("L1", "S", "a", protection="breaker"), line("L2", "a", "b")], [load("a"), load("b")]
    )
    ranked = {(one.kind, one.line, one.end): one for one in additions(feeder)}
    parted = ranked["disconnector", "L2", "from"]
    assert parted.saidi_saved_h == pytest.approx(0.1 * 3.0 * 10 / 20)
    assert parted.saifi_saved == 0.0
    assert parted.eens_saved_mwh == pytest.approx(0.1 * 3.0 * 0.1)
    broken = ranked["breaker", "L2", "from"]
    assert broken.saidi_saved_h == pytest.approx(0.1 * 4.0 * 10 / 20)
    assert broken.saifi_saved == pytest.approx(0.1 * 10 / 20)
    assert not any(one.kind == "tie" for one in ranked.values())


def test_no_addition_raises_any_index() -> None:
    feeder = rbts2("B")
    for one in additions(feeder, 1000):
        assert one.saidi_saved_h >= 0.0
        assert one.saifi_saved >= 0.0
        assert one.eens_saved_mwh >= 0.0


def test_homes_that_serve_while_cut_off_lower_the_energy_alone() -> None:
    lines = [line("L1", "S", "a", protection="breaker"), line("L2", "a", "b", disconnector="from")]
    feeder = checked_feeder(lines, [load("a"), load("b", p_kw=100.0)])
    asked: set[tuple[str, float, float]] = set()

    def served(bus: str, from_hour: float, hours: float) -> float:
        """Serve 60 kW of b if the interruption begins before noon; of a more than it draws."""
        asked.add((bus, from_hour, hours))
        return 500.0 if bus == "a" else 60.0 if from_hour < 12.0 else 0.0

    alone, helped = reliability(feeder), reliability(feeder, served_while_cut_off=served)
    assert (helped.saifi, helped.saidi_h) == (alone.saifi, alone.saidi_h)
    a, b = helped.load_points
    assert a.eens_mwh == 0.0
    # Half of all interruptions leave 40 kW of b, the other half all 100 kW.
    assert b.eens_mwh == pytest.approx(0.7 * alone.load_points[1].eens_mwh)
    assert sum(fault.eens_mwh for fault in helped.faults) == pytest.approx(helped.eens_mwh)
    assert {hours for _, _, hours in asked} == {1.0, 4.0}
    assert {begin for _, begin, _ in asked} == set(range(24))
    with pytest.raises(InputError, match="bus a: what is served"):
        reliability(feeder, served_while_cut_off=lambda *asked: float("nan"))


def test_a_table_of_too_many_lines_is_refused_at_once() -> None:
    lines = [
        ReliableLine(
            line=f"l{k}",
            from_bus="s",
            to_bus=str(k),
            km=1.0,
            failures_per_km_year=0.1,
            repair_h=1.0,
            switching_h=1.0,
        )
        for k in range(10_001)
    ]
    with pytest.raises(CaseError, match="10001 lines are more than 10000"):
        checked_feeder(lines, [LoadPoint(bus="1", p_kw=1.0, customers=1.0)])
