"""What the command line says, word by word."""

from __future__ import annotations

from pathlib import Path

import pytest
from matpower_text import branch, bus, gen, matpower

from cmgplan import cli, plurals
from cmgplan.cli.console import number
from cmgplan.cli.shown.cases import print_faults
from cmgplan.errors import Fault
from cmgplan.page import wording


def told(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 2) -> list[str]:
    """Run a command that ends with a code; return the lines of the error stream."""
    with pytest.raises(SystemExit) as stop:
        cli.main([str(argument) for argument in arguments])
    assert stop.value.code == code
    return capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (
            ("respond", "hmg3-response", "--method", "foo"),
            "--method foo: give exact, rules, de, bat or pso",
        ),
        (
            ("respond", "hmg3-response", "--method", "foo", "--method", "de", "--method", "bar"),
            "--method foo: give exact, rules, de, bat or pso; "
            "--method bar: give exact, rules, de, bat or pso",
        ),
        (
            ("respond", "hmg3-response", "--runs", "1001"),
            "--runs 1001: give a whole number from 1 to 1,000",
        ),
        (
            ("market", "hmg3", "--gap", "nan", "--method", "lp"),
            "--method lp: give milp or nlp; --gap nan: give a number above 0 and below 1",
        ),
        (
            ("optimum", "two-homes", "--emission-weight", "-0.5"),
            "--emission-weight -0.5: give a number, 0 or more",
        ),
        (("opf", "two-bus", "--price", "nan"), "--price nan: give a finite number, in $/MWh"),
        (
            ("opf", "two-bus", "--power-limit", "0"),
            "--power-limit 0: give a finite number above 0, in MVA",
        ),
        (
            ("opf", "two-bus", "--v-limits", "nan", "1.1"),
            "--v-limits nan 1.1: give MIN above 0 and MAX not under it, pu",
        ),
        (
            ("opf", "two-bus", "--v-limits", "1.1", "0.9"),
            "--v-limits 1.1 0.9: give MIN above 0 and MAX not under it, pu",
        ),
    ],
)
def test_a_refused_option_is_told_once_with_what_it_may_be(
    capsys: pytest.CaptureFixture[str], command: tuple[str, ...], sentence: str
) -> None:
    assert told(capsys, *command) == [f"error: {sentence}"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(-4e-4, "0.000"), (-6e-4, "-0.001"), (0.0, "0.000"), (-1234.5, "-1,234.500"), (None, "-")],
)
def test_what_rounds_to_zero_has_no_sign(value: float | None, shown: str) -> None:
    assert number(value, 3) == shown


def test_one_of_a_thing_has_no_plural() -> None:
    assert [plurals.counted(n, "hour") for n in (0, 1, 2, 1200)] == [
        "0 hours",
        "1 hour",
        "2 hours",
        "1,200 hours",
    ]
    assert plurals.counted(1, "bus is", "buses are") == "1 bus is"
    assert plurals.counted(3, "bus is", "buses are") == "3 buses are"
    assert wording.counted(1, "branch", "branches") == "1\N{NO-BREAK SPACE}branch"


def test_a_case_of_one_home_and_one_check_are_told_as_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.raises(SystemExit):
        cli.main(["new", str(tmp_path / "ours"), "--homes", "1"])
    assert capsys.readouterr().out.splitlines()[0].endswith(": 1 home, A")
    print_faults([Fault("case.toml", "", "is empty", "fill it")])
    assert capsys.readouterr().out.startswith("1 error\n")
    print_faults([Fault("case.toml", "", "is empty", "fill it", "warning")] * 2)
    assert capsys.readouterr().out.startswith("2 warnings\n")


@pytest.mark.parametrize(
    ("command", "left"),
    [
        ("verify", "the check is not finished, nothing was changed"),
        ("plan", "no run was written"),
        ("optimum", "nothing was written"),
    ],
)
def test_an_interruption_says_what_is_left(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    left: str,
) -> None:
    def interrupted(path: object, **more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cmgplan.systems.load_case", interrupted)
    monkeypatch.setattr("cmgplan.study.store.is_study", interrupted)
    assert told(capsys, command, "two-bus", code=130) == [f"interrupted; {left}"]


@pytest.mark.parametrize("command", ["reconfigure", "opf"])
def test_a_folder_without_a_case_may_have_meant_its_network_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str
) -> None:
    means = "give a network file (MATPOWER .m, pandapower .json), or the folder or name of a case"
    assert told(capsys, command, tmp_path) == [f"error: {tmp_path}: has no case.toml; {means}"]
    (tmp_path / "feeder.m").write_text("")
    (tmp_path / "notes.txt").write_text("")
    assert told(capsys, command, tmp_path) == [
        f"error: {tmp_path}: has no case.toml; did you mean {tmp_path / 'feeder.m'}? {means}"
    ]


def test_a_feeder_without_ties_is_said_to_leave_no_choice(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    note = "note: the branches that may be closed are a tree, the only radial configuration; give"
    assert any(line.startswith(note) for line in told(capsys, "reconfigure", "two-bus", code=0))
    day = ("reconfigure", "two-bus", "--blocks", 2)
    assert any(line.startswith(note) for line in told(capsys, *day, code=0))


def test_an_empty_list_of_switchable_branches_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    network, listed = tmp_path / "ring.m", tmp_path / "switchable.csv"
    network.write_text(
        matpower(
            [bus(1, kind=3), bus(2, 1.0, 0.5), bus(3, 1.0, 0.5)],
            [gen(1)],
            [branch(1, 2), branch(2, 3), branch(1, 3, on=0)],
        )
    )
    listed.write_text("\n")
    given = ("reconfigure", network, "--switchable", listed)
    assert told(capsys, *given) == [
        "error: switchable.csv: is empty; write from_bus,to_bus or row, and a line for each "
        "branch that may be switched"
    ]
    listed.write_text("from_bus,to_bus\n")
    (note,) = (line for line in told(capsys, *given, code=0) if "radial" in line)
    assert note.startswith("note: the branches that may not be opened feed every bus")
    listed.write_text("from_bus,to_bus\n2,3\n1,3\n")
    assert not any("radial" in line for line in told(capsys, *given, code=0))
