"""What a worker makes of one task: a folder put in place whole, or the reason why not."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cmgplan.errors import InfeasibleError
from cmgplan.explanation import Explanation
from cmgplan.page.page import plotly_text, with_plotly_beside
from cmgplan.study import kinds
from cmgplan.study.key_figures import Figure, Reported
from cmgplan.study.read import read_study
from cmgplan.study.task_run import request, run_task

Run = Callable[[Any, Mapping[str, Any], Path], None]

REPORTED = Reported((Figure("gap", "gap", ""),), own=lambda folder: {"gap": 0.5})


@pytest.fixture
def asked(tmp_path: Path) -> dict[str, Any]:
    study = {"format": 1, "name": "x", "system": "planning", "cases": ["two-bus"]}
    (task,) = read_study({**study, "over": {"options": {"points": 3}}}).tasks
    return request(task, tmp_path)


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Callable[[Run], None]:
    """Let tasks of planning be run by a function."""

    def replaced(run: Run) -> None:
        system = replace(kinds.STUDY_SYSTEMS["planning"], run=run, reported=REPORTED)
        monkeypatch.setattr(kinds, "STUDY_SYSTEMS", {"planning": system})

    return replaced


def written(case: Any, options: Mapping[str, Any], out: Path) -> None:
    out.mkdir()
    (out / "plan.json").write_text(json.dumps([case.name, dict(options)]))


def raising(error: Exception) -> Run:
    def run(case: Any, options: Mapping[str, Any], out: Path) -> None:
        written(case, options, out)
        raise error

    return run


def test_a_run_is_put_in_place_with_its_identity(
    asked: dict[str, Any], running: Callable[[Run], None], tmp_path: Path
) -> None:
    running(written)
    found = run_task(json.loads(json.dumps(asked)))
    assert (found["state"], found["figures"]) == ("done", {"gap": 0.5})
    place = tmp_path / "tasks" / asked["name"]
    assert json.loads((place / "plan.json").read_text()) == ["two-bus", {"jobs": 1, "points": 3}]
    about = json.loads((place / "task.json").read_text())
    assert about["key"] == asked["key"]
    assert about["name"].endswith(asked["key"][:10])
    (place / "mark").touch()
    assert run_task(asked)["state"] == "done"  # an earlier folder is replaced
    assert not (place / "mark").exists()
    assert list((tmp_path / ".work").iterdir()) == []


def test_ratings_scale_the_case_and_are_no_option_of_the_command(
    asked: dict[str, Any], running: Callable[[Run], None], tmp_path: Path
) -> None:
    seen: list[float] = []

    def noting(case: Any, options: Mapping[str, Any], out: Path) -> None:
        seen.extend(mg.pcc.rating_kva for mg in case.microgrids)
        written(case, options, out)

    running(noting)
    found = run_task({**asked, "options": {"points": 3, "ratings": 0.5}})
    assert found["state"] == "done"
    assert seen == [200.0, 200.0, 250.0]
    place = tmp_path / "tasks" / asked["name"]
    assert json.loads((place / "plan.json").read_text()) == ["two-bus", {"jobs": 1, "points": 3}]


def test_pages_of_tasks_may_share_one_drawing_library(
    asked: dict[str, Any], running: Callable[[Run], None], tmp_path: Path
) -> None:
    page = f"<body><script>{plotly_text()}</script><script>draw()</script></body>"

    def paged(case: Any, options: Mapping[str, Any], out: Path) -> None:
        written(case, options, out)
        (out / "report.html").write_text(page)

    running(paged)
    place = tmp_path / "tasks" / asked["name"] / "report.html"
    assert run_task(asked)["state"] == "done"
    assert place.read_text() == page
    assert run_task({**asked, "shared_pages": True})["state"] == "done"
    link = '<script src="../../plotly.min.js"></script>'
    assert place.read_text() == f"<body>{link}<script>draw()</script></body>"
    assert with_plotly_beside("<p>none</p>", "x.js") == "<p>none</p>"


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "MachineError", "the disk is full"),
        (MemoryError(), "MachineError", "memory is short"),
        (ZeroDivisionError("float division"), "internal", "internal error (ZeroDivisionError"),
    ],
)
def test_a_run_that_breaks_off_leaves_its_reason_alone(
    error: Exception,
    kind: str,
    told: str,
    asked: dict[str, Any],
    running: Callable[[Run], None],
    tmp_path: Path,
) -> None:
    running(raising(error))
    found = run_task(asked)
    assert (found["state"], found["kind"]) == ("failed", kind)
    assert told in found["reason"]
    assert not (tmp_path / "tasks").exists()
    assert list((tmp_path / ".work").iterdir()) == []


def test_an_infeasible_task_keeps_the_page_that_says_why(
    asked: dict[str, Any], running: Callable[[Run], None], tmp_path: Path
) -> None:
    running(raising(InfeasibleError("no schedule", Explanation("level 4", "nothing fits", ()))))
    found = run_task(asked)
    assert (found["state"], found["reason"]) == ("infeasible", "no schedule")
    page = tmp_path / "tasks" / f"{asked['name']}.why.html"
    assert "nothing fits" in page.read_text()


def test_a_worker_of_another_version_refuses(asked: dict[str, Any]) -> None:
    found = run_task({**asked, "version": "9.9.9"})
    assert found["state"] == "failed"
    assert "install the same version everywhere" in found["reason"]


def test_a_case_that_changed_meanwhile_is_told(asked: dict[str, Any]) -> None:
    found = run_task({**asked, "case_sha256": "0" * 64})
    assert "has changed since the study began" in found["reason"]
    found = run_task({**asked, "folder": "/nowhere"})
    assert "is not there for the worker" in found["reason"]
