"""Measures studies: overhead of a task, workers, Dask, memory of the driver.

    python scripts/bench_study.py overhead [--tasks 500]     # tasks that do little
    python scripts/bench_study.py memory [--tasks 10000]     # of the driver
    python scripts/bench_study.py days [--days 31]           # of ieee33-year, 1 and 2 workers, Dask

Prints one line for each measurement. Every study runs in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ONE = """
import json, resource, sys, time
from cmgplan.study.run import run_study
from cmgplan.study.task_run import run_task
from study_tasks import little
if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    call = little if asked.pop("little") else run_task
    began = time.monotonic()
    found = run_study(asked.pop("study"), call=call, **asked)
    told = {
        "wall_s": time.monotonic() - began,
        "driver_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
        "counts": found.counts,
    }
    print(json.dumps(told))
"""


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("overhead", "memory", "days"))
    parser.add_argument("--tasks", type=int)
    parser.add_argument("--days", type=int, default=31)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if asked.what == "overhead":
            overhead(folder, asked.tasks or 500)
        elif asked.what == "memory":
            memory(folder, asked.tasks or 10_000)
        else:
            days(folder, asked.days)


def overhead(folder: Path, tasks: int) -> None:
    """Print what the engine takes for each task that does little, start-up left out."""
    for label, more in ways():
        first = one(folder / f"{label} few", study(2), little=True, **more)
        rest = one(folder / f"{label} many", study(tasks + 2), little=True, **more)
        each_s = (rest["wall_s"] - first["wall_s"]) / tasks
        print(f"{label}: start-up {first['wall_s']:.1f} s, {1000 * each_s:.1f} ms a task")


def memory(folder: Path, tasks: int) -> None:
    """Print the greatest memory of a driver."""
    told = one(folder / "memory", study(tasks), little=True, workers=2)
    each = 1000 * told["wall_s"] / tasks
    print(f"{tasks} tasks: driver {told['driver_mb']:.0f} MB, {each:.1f} ms a task with all tables")


def days(folder: Path, count: int) -> None:
    """Print time, worker's memory and overhead of days of ieee33-year, and compare tables."""
    asked = {
        "format": 1,
        "name": "days",
        "system": "planning",
        "cases": ["ieee33-year"],
        "over": {
            "days": {"list": [f"2016-01-{day + 1:02d}" for day in range(min(count, 31))]},
            "options": {"points": 3},
        },
    }
    before = None
    for label, more in ways():
        out = folder / label
        told = one(out, asked, little=False, **more)
        about = [json.loads(path.read_text()) for path in (out / "tasks").glob("*/task.json")]
        work_s = sum(float(each["wall_s"]) for each in about)
        largest = max(float(each["memory_mb"]) for each in about)
        tables = {p.name: p.read_bytes() for p in out.glob("*.csv") if p.stem != "tasks"}
        same = before is None or tables == before
        before = tables
        print(
            f"{label}: {told['wall_s']:.0f} s for {len(about)} days, {work_s / len(about):.1f} s "
            f"a day in its worker, largest worker {largest:.0f} MB, driver "
            f"{told['driver_mb']:.0f} MB, tables {'identical' if same else 'DIFFER'}",
            flush=True,
        )


def ways() -> list[tuple[str, dict[str, Any]]]:
    """Return the ways to run a study that are compared."""
    found: list[tuple[str, dict[str, Any]]] = [
        ("1 worker", {"workers": 1}),
        ("2 workers", {"workers": 2}),
    ]
    try:
        import distributed  # noqa: F401 - whether it is there
    except ImportError:
        return found
    return [*found, ("Dask, 2 workers", {"workers": 2, "scheduler": "local"})]


def study(tasks: int) -> dict[str, Any]:
    """Return a study of so many tasks."""
    drawn = {"method": "monte-carlo", "n": tasks, "seed": 1, "sd": {"load": 0.1}}
    return {
        "format": 1,
        "name": "little",
        "system": "planning",
        "cases": ["two-bus"],
        "over": {"scenarios": drawn},
    }


def one(out: Path, asked: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Run a study in a process of its own and return what it measured."""
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    script = out.with_suffix(".py")
    script.write_text(ONE)
    time.sleep(0.1)
    done = subprocess.run(
        [sys.executable, str(script), json.dumps({"study": asked, "out": str(out), **more})],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    main()
