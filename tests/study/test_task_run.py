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
from cmgplan.study import kinds
from cmgplan.study.read import read_study
from cmgplan.study.task_run import request, run_task

Run = Callable[[Any, Mapping[str, Any], Path], None]


@pytest.fixture
def asked(tmp_path: Path) -> dict[str, Any]:
    study = {"format": 1, "name": "x", "system": "planning", "cases": ["two-bus"]}
    (task,) = read_study({**study, "over": {"options": {"points": 3}}}).tasks
    return request(task, tmp_path)


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Callable[[Run], None]:
    """Let tasks of planning be run by a function."""

    def replaced(run: Run) -> None:
        system = replace(
            kinds.STUDY_SYSTEMS["planning"], run=run, figures=lambda folder: {"gap": 0.5}
        )
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
