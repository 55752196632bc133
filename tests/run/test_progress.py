"""Progress: a line a step in a pipe, and the logger of whoever uses the package as a library."""

from __future__ import annotations

import logging

import pytest

from cmgplan import (
    OptimumOptions,
    ProgressEvent,
    ResponseOptions,
    find_optimum,
    load_case,
    run_response,
)
from cmgplan.cli.shown import progress as shown
from cmgplan.cli.shown.progress import progress_shown

EVENTS = [
    ProgressEvent("level 4", "payoff table"),
    ProgressEvent("level 4", "point 1: choosing switches"),
    ProgressEvent("level 4", "point 1: cost 10.0 $", gap=0.08),
    ProgressEvent("level 4", "point 1: cost 9.0 $", gap=0.02),
    ProgressEvent("level 4", "optimal", 1, 2, 0.004),
    ProgressEvent("level 4", "point 2: choosing switches"),
    ProgressEvent("level 4", "point 2: cost 8.0 $"),
    ProgressEvent("level 4", "point 2: cost 8.0 $"),
    ProgressEvent("level 4", "optimal", 2, 2, 0.002),
]


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    with progress_shown(quiet=False) as tell:
        for event in EVENTS:
            tell(event)
    return capsys.readouterr().err.splitlines()


def test_a_pipe_gets_one_line_a_step(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys) == [
        "level 4: payoff table",
        "level 4: point 1: choosing switches",
        "level 4, point 1 of 2, gap 0.40 %: optimal",
        "level 4: point 2: choosing switches",
        "level 4, point 2 of 2, gap 0.20 %: optimal",
    ]


def test_a_long_step_says_what_it_has_reached_and_repeats_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shown, "REMIND_S", 0.0)
    lines = told(capsys)
    assert "level 4, gap 8.00 %: point 1: cost 10.0 $" in lines
    assert len(lines) == len(set(lines)) == len(EVENTS) - 1


def test_a_library_user_sees_progress_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    case = load_case("two-homes", system="homes")
    with caplog.at_level(logging.INFO, logger="cmgplan"):
        find_optimum(case, OptimumOptions(front=2))
    assert [(r.name, r.getMessage()) for r in caplog.records][:2] == [
        ("cmgplan", "model: building the day's model"),
        ("cmgplan", "front, point 1 of 2: solving the day"),
    ]
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="cmgplan"):
        run_response(case, ResponseOptions(compare=False))
    lines = [r.getMessage() for r in caplog.records]
    assert "exact: solving the day of all homes" in lines
    assert len(lines) == len(set(lines))


def test_nothing_is_printed_unless_logging_is_configured(
    capfd: pytest.CaptureFixture[str],
) -> None:
    find_optimum(load_case("two-homes", system="homes"))
    assert capfd.readouterr() == ("", "")
