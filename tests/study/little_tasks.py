"""Tasks that do little, in place of real ones: a worker that runs them starts at once.

What a task does follows from the name of its scenario. Nothing of the package is imported.
"""

from __future__ import annotations

import json
import os
import signal
import time
import uuid
from pathlib import Path
from typing import Any

CHILD_FILE = "child.pid"


def little(asked: dict[str, Any]) -> dict[str, Any]:
    """Write a run folder with two tables, or misbehave as the scenario says."""
    scenario = str(asked["scenario"])
    out = Path(asked["out"])
    if scenario.startswith("nap"):
        time.sleep(0.1)
    elif scenario == "sleeper":
        time.sleep(600.0)
    elif scenario == "eater":
        held = bytearray(400_000_000)
        held[::4096] = b"x" * len(held[::4096])
        time.sleep(600.0)
    elif scenario == "crash" or (scenario == "crash-once" and _first_time(out)):
        os.kill(os.getpid(), signal.SIGKILL)
    elif scenario == "infeasible":
        return {"state": "infeasible", "kind": "infeasible", "reason": "no schedule <b>holds</b>"}
    elif scenario == "parent":
        child = os.fork()
        if child == 0:
            time.sleep(600.0)
        (out / CHILD_FILE).write_text(str(child))
        time.sleep(600.0)
    return _written(asked, out)


def _first_time(out: Path) -> bool:
    mark = out / ".crashed"
    if mark.exists():
        return False
    mark.touch()
    return True


def _written(asked: dict[str, Any], out: Path) -> dict[str, Any]:
    place = out / "tasks" / asked["name"]
    fresh = out / ".work" / uuid.uuid4().hex
    fresh.mkdir(parents=True)
    load = float(asked["factors"].get("load", 1.0))
    figures = {"cost": 100.0 * load, "gap": 0.0}
    (fresh / "upstream.csv").write_text(f"hour,with_cmg_kw\n0,{10 * load:g}\n1,{20 * load:g}\n")
    (fresh / "notes.csv").write_text(f'task,text\n1,"of {asked["day"]}, {asked["options"]}"\n')
    (fresh / "report.html").write_text("a page")
    about = {"key": asked["key"], "name": asked["name"], "wall_s": 0.0, "figures": figures}
    (fresh / "task.json").write_text(json.dumps(about))
    place.parent.mkdir(exist_ok=True)
    if place.exists():
        place.rename(fresh.with_name(f"{fresh.name}.earlier"))
    fresh.rename(place)
    return {"state": "done", "kind": "", "reason": "", "wall_s": 0.0, "figures": figures}


def double(value: float) -> float:
    """Return twice a number."""
    return 2.0 * value


def sleep(seconds: float) -> None:
    time.sleep(seconds)


def eat(megabytes: int) -> int:
    """Hold so much memory, then answer."""
    held = bytearray(megabytes * 1_000_000)
    held[::4096] = b"x" * len(held[::4096])
    time.sleep(5.0)
    return len(held)


def end_by(number: int) -> None:
    os.kill(os.getpid(), number)


def environment(name: str) -> str:
    return os.environ.get(name, "")
