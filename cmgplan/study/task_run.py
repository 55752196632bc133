"""One task, run where it is sent: from plain values to a run folder in its place.

Called in worker processes by name; what goes in and comes out is JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
import traceback
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cmgplan.errors import CmgplanError, InfeasibleError, InputError, as_told
from cmgplan.study.tasks import Task
from cmgplan.version import __version__

TASKS, WORK = "tasks", ".work"
"""Folders of finished tasks and of those under way."""

LIBRARY = "plotly.min.js"
"""Drawing library that the pages of a study's tasks may share."""

TASK_FILE = "task.json"
"""What marks the folder of a finished task."""


def request(task: Task, out: Path, *, shared_pages: bool = False) -> dict[str, Any]:
    """Return what a worker needs to know of a task.

    ``shared_pages`` is how its page loads the drawing library, which is no part of what it is.
    """
    return {
        "key": task.key,
        "name": task.name,
        "system": task.system,
        "case": task.case,
        "folder": str(task.folder),
        "case_sha256": task.case_sha256,
        "day": task.day,
        "scenario": task.scenario,
        "factors": dict(task.factors),
        "options": dict(task.options),
        "version": __version__,
        "out": str(out),
        "shared_pages": shared_pages,
    }


def run_task(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Run a task and put its folder in place.

    Returns
    -------
    dict
        ``state`` (done, infeasible, failed), ``reason`` and ``kind`` of what kept it from being
        done, ``wall_s``, ``figures`` and ``versions``.
    """
    began = time.perf_counter()
    out, name = Path(asked["out"]), str(asked["name"])
    # Of its own, since on a cluster an earlier attempt may still be at work somewhere.
    work = out / WORK / f"{name}.{uuid.uuid4().hex[:12]}"
    try:
        work.mkdir(parents=True)
        _run(asked, work)
        found = _put_in_place(asked, work, out, began)
    except InfeasibleError as error:
        _keep_why(error, asked, out / TASKS / f"{name}.why.html")
        found = {"state": "infeasible", "kind": "infeasible", "reason": str(error)}
    except (CmgplanError, OSError, MemoryError, ImportError) as error:
        told = as_told(error)
        found = {"state": "failed", "kind": type(told).__name__, "reason": str(told)}
    except Exception as error:  # noqa: BLE001 - a fault of ours in one task must not end the study
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(last.filename).name}:{last.lineno}"
        reason = f"internal error ({type(error).__name__}: {error}; {place}); please report it"
        found = {"state": "failed", "kind": "internal", "reason": reason}
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return {"wall_s": time.perf_counter() - began, **found}


def _run(asked: Mapping[str, Any], work: Path) -> None:
    """Load the case as the task has it, run it, and write the run to ``work / "run"``."""
    from cmgplan.case.folder import CaseFolder
    from cmgplan.study.kinds import STUDY_SYSTEMS
    from cmgplan.study.options import RATINGS, as_fields
    from cmgplan.study.scaled_case import write_scaled
    from cmgplan.study.tasks import files_sha256, plan_sha256
    from cmgplan.systems import load_case

    if asked["version"] != __version__:
        told = f"the study is run by cmgplan {asked['version']} and this worker is {__version__}"
        raise InputError(f"{told}; install the same version everywhere")
    system = STUDY_SYSTEMS[asked["system"]]
    folder = Path(asked["folder"])
    if not folder.is_dir():
        raise InputError(f"{folder}: is not there for the worker; put it where all machines see it")
    sha256 = plan_sha256 if system.of_plans else files_sha256
    if sha256(CaseFolder(folder)) != asked["case_sha256"]:
        raise InputError(f"{folder}: has changed since the study began; resume the study")
    case = load_case(folder, day=asked["day"], system=system.cases)
    factors = {**asked["factors"], RATINGS: asked["options"].get(RATINGS, 1.0)}
    if any(factor != 1.0 for factor in factors.values()):
        place = write_scaled(case, system.cases, asked["scenario"], factors, work / "case")
        case = load_case(place, day=asked["day"], system=system.cases)
    planned = (folder,) if system.of_plans else ()
    system.run(case, as_fields(system, asked["options"]), work / "run", *planned)


def _put_in_place(asked: Mapping[str, Any], work: Path, out: Path, began: float) -> dict[str, Any]:
    """Mark a finished run and rename it into its place; an earlier one there is replaced."""
    from cmgplan.study.kinds import STUDY_SYSTEMS

    run = work / "run"
    reported = STUDY_SYSTEMS[asked["system"]].reported
    if asked.get("shared_pages"):
        _link_library(run / "report.html")
    reported.write_parts(run)
    about = {
        **{key: asked[key] for key in ("key", "name", "case", "case_sha256", "version")},
        **{key: asked[key] for key in ("system", "day", "scenario", "factors", "options")},
        "wall_s": time.perf_counter() - began,
        "memory_mb": _peak_mb(),
        "figures": reported.figures(run),
    }
    with (run / TASK_FILE).open("w", encoding="utf-8") as file:
        json.dump(about, file, indent=1, allow_nan=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    place = out / TASKS / str(asked["name"])
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():
        place.rename(work / "earlier")
    run.rename(place)
    (out / TASKS / f"{asked['name']}.why.html").unlink(missing_ok=True)
    return {"state": "done", "kind": "", "reason": "", "figures": about["figures"]}


def _link_library(path: Path) -> None:
    """Let a task's page load the study's drawing library instead of holding one."""
    from cmgplan.page.page import with_plotly_beside

    if path.is_file():
        page = path.read_text(encoding="utf-8")
        path.write_text(with_plotly_beside(page, f"../../{LIBRARY}"), encoding="utf-8")


def _peak_mb() -> float | None:
    """Return the greatest memory that this process has held so far, MB of 10^6 bytes."""
    try:
        import resource
    except ImportError:  # of Windows
        return None
    unit = 1.0 if sys.platform == "darwin" else 1024.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _keep_why(error: InfeasibleError, asked: Mapping[str, Any], page: Path) -> None:
    """Write the page that says why a task is infeasible, where that is known."""
    if error.explanation is None:
        return
    from cmgplan.run.why_page import write_why

    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        write_why(page, error.explanation, str(asked["case"]))
    except OSError:  # the reason itself stands in the ledger
        return
