"""Helpers of the tests about studies."""

from __future__ import annotations

import contextlib
import csv
import os
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

CASES = Path(__file__).parents[2] / "cases"

WITHOUT_TIMES = ("attempts", "wall_s")


def little_study(scenarios: Iterable[str], folder: Path, **limits: float) -> dict[str, Any]:
    """Return a study of two-bus with so many scenarios, whose file it writes to a folder."""
    rows = [f"{name},{1.0 + 0.01 * k:g}" for k, name in enumerate(scenarios)]
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / "scenarios.csv"
    place.write_text("\n".join(["scenario,load", *rows]) + "\n")
    return {
        "format": 1,
        "name": "little",
        "system": "planning",
        "cases": ["two-bus"],
        "over": {"scenarios": {"file": "scenarios.csv"}, "options": {"points": [3]}},
        "limits": limits,
    }


def dated_homes(folder: Path, days: int, lacking: int | None = None) -> Path:
    """Return a copy of two-homes with so many days of its three hours; one day may lack an hour."""
    source = CASES / "two-homes"
    shutil.copytree(source, folder)
    header, *rows = (source / "profiles.csv").read_text().split()
    lines = [header.replace("hour", "time", 1)]
    for day in range(days):
        for row in rows:
            hour, rest = row.split(",", 1)
            if not (day == lacking and hour == "1"):
                lines.append(f"2026-01-{day + 1:02d} 0{hour}:00,{rest}")
    (folder / "profiles.csv").write_text("\n".join(lines) + "\n")
    return folder


def tables(folder: Path) -> dict[str, list[list[str]]]:
    """Return every table of a study as rows of cells, without what was measured."""
    found = {}
    for path in sorted(folder.glob("*.csv")):
        with path.open(newline="") as file:
            rows = list(csv.reader(file))
        kept = [k for k, name in enumerate(rows[0]) if name not in WITHOUT_TIMES]
        found[path.stem] = [[row[k] for k in kept] for row in rows]
    return found


def until(holds: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Wait until something holds; return whether it does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.01)
    return holds()


def alive(pid: int) -> bool:
    """Return whether a process is there and no zombie."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def all_gone(pids: Iterable[int], seconds: float = 5.0) -> bool:
    """Return whether processes end within some seconds."""
    asked = [pid for pid in pids if pid != os.getpid()]
    return until(lambda: not any(alive(pid) for pid in asked), seconds)
