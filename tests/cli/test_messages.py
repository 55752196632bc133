"""What the command line says, word by word."""

from __future__ import annotations

import pytest

from cmgplan import cli


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
