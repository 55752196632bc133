"""What the command line says, word by word."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmgplan import cli, plurals
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
    ],
)
def test_a_refused_option_is_told_once_with_what_it_may_be(
    capsys: pytest.CaptureFixture[str], command: tuple[str, ...], sentence: str
) -> None:
    assert told(capsys, *command) == [f"error: {sentence}"]


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
