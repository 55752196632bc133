"""A task that does little, to measure what a study itself takes: 24 hours of one table, one page.

It imports nothing of the package, so that its worker starts at once.
"""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any


def little(asked: dict[str, Any]) -> dict[str, Any]:
    """Write a run folder and return as ``cmgplan.study.task_run.run_task`` does."""
    out, name = Path(asked["out"]), str(asked["name"])
    fresh = out / ".work" / uuid.uuid4().hex
    fresh.mkdir(parents=True)
    load = float(asked["factors"].get("load", 1.0))
    rows = "".join(f"{hour},{100.0 * load:g}\n" for hour in range(24))
    (fresh / "upstream.csv").write_text(f"hour,with_cmg_kw\n{rows}")
    (fresh / "report.html").write_text("a page")
    figures = {"cost": 100.0 * load, "gap": 0.0}
    about = {"key": asked["key"], "name": name, "wall_s": 0.0, "figures": figures}
    (fresh / "task.json").write_text(json.dumps(about))
    place = out / "tasks" / name
    place.parent.mkdir(exist_ok=True)
    fresh.rename(place)
    return {"state": "done", "kind": "", "reason": "", "wall_s": 0.0, "figures": figures}
