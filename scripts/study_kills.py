"""Kills a study's driver or one of its workers at random moments, resumes, and compares tables.

    python scripts/study_kills.py [--kills 20] [--seed 1] [--longest 12]

The tasks are real ones, the one-owner optimum of two homes on some days. After every kill of the
driver no process of the study may be left; after every end the tables must be those of a study
that nobody killed. Exits 1 where that does not hold. Linux only: processes are found in /proc.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CASES = Path(__file__).parents[1] / "cases"
DAYS = 8
OPTIONS = ("--workers=2", "--resume", "--quiet")


def main() -> int:
    """Run the kills and tell what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument(
        "--longest", type=float, default=12.0, help="latest moment after workers are there, s"
    )
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    rng = random.Random(asked.seed)  # noqa: S311 - no secret
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        study = write_study(folder)
        run(study, folder / "whole").wait()
        due = tables(folder / "whole")
        wrong = 0
        round_ = 0
        for kill in range(asked.kills):
            out = folder / f"round{round_}"
            victim, told, ok = killed(study, out, rng, asked.longest)
            wrong += not ok
            finished = state(out) == "finished"
            print(f"kill {kill + 1}: {victim}: {told}", flush=True)
            if finished:
                same = tables(out) == due
                wrong += not same
                print(f"  finished; tables {'are the same' if same else 'DIFFER'}", flush=True)
                round_ += 1
        out = folder / f"round{round_}"
        run(study, out).wait()
        same = tables(out) == due
        wrong += not same
        print(f"resumed to the end; tables {'are the same' if same else 'DIFFER'}")
        print(f"{asked.kills} kills, {wrong} wrong")
    return int(wrong > 0)


def write_study(folder: Path) -> Path:
    """Write a case of some days and a study of it."""
    case = folder / "homes"
    shutil.copytree(CASES / "two-homes", case)
    header, *rows = (case / "profiles.csv").read_text().split()
    lines = [header.replace("hour", "time", 1)]
    for day in range(DAYS):
        for row in rows:
            hour, rest = row.split(",", 1)
            lines.append(f"2026-01-{day + 1:02d} 0{hour}:00,{rest}")
    (case / "profiles.csv").write_text("\n".join(lines) + "\n")
    path = folder / "kills.toml"
    path.write_text(
        'format = 1\nname = "kills"\nsystem = "optimum"\ncases = ["homes"]\n[over]\n'
        'days = { from = 2026-01-01 }\nscenarios = { method = "monte-carlo", n = 2, seed = 1, '
        "sd = { load = 0.1, price = 0.2 } }\n"
    )
    return path


def run(study: Path, out: Path) -> subprocess.Popen[bytes]:
    """Start a driver."""
    return subprocess.Popen(
        [sys.executable, "-m", "cmgplan", "study", str(study), f"--out={out}", *OPTIONS],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def killed(study: Path, out: Path, rng: random.Random, longest_s: float) -> tuple[str, str, bool]:
    """Kill a driver, or one of its workers; return who, what was seen, and whether it is right."""
    moment = rng.uniform(0.0, longest_s)
    of_worker = rng.random() < 0.4
    process = run(study, out)
    if rng.random() < 0.75:
        until(lambda: workers_of(process.pid) or process.poll() is not None)
    time.sleep(moment)
    family = descendants(process.pid)
    workers = workers_of(process.pid)
    if of_worker and workers:
        victim = rng.choice(workers)
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
        code = process.wait(timeout=300)
        left = [pid for pid in family if alive(pid)]
        told = f"after {moment:.1f} s; the driver ended with {code}, {len(left)} processes left"
        return "worker", told, code == 0 and not left
    process.send_signal(signal.SIGKILL)
    process.wait()
    end = time.monotonic() + 5.0
    while time.monotonic() < end and any(alive(pid) for pid in family):
        time.sleep(0.02)
    left = [pid for pid in family if alive(pid)]
    done = len(list((out / "tasks").glob("*/task.json")))
    told = f"after {moment:.1f} s; {done} tasks kept, {len(family)} processes, {len(left)} left"
    return "driver", told, not left


def workers_of(driver: int) -> list[int]:
    """Return the workers of a driver."""
    return [pid for pid in descendants(driver) if b"cmgplan.study.worker" in command(pid)]


def until(holds: Callable[[], object]) -> None:
    """Wait for something, at most two minutes."""
    end = time.monotonic() + 120.0
    while time.monotonic() < end and not holds():
        time.sleep(0.05)


def state(out: Path) -> str:
    """Return the state that study.json tells."""
    with contextlib.suppress(OSError, ValueError):
        return str(json.loads((out / "study.json").read_text())["state"])
    return ""


def tables(out: Path) -> dict[str, Any]:
    """Return every table without measured times and attempts."""
    import pandas as pd

    measured = ["wall_s", "attempts"]
    return {
        path.stem: pd.read_csv(path, dtype=str).drop(columns=measured, errors="ignore").to_csv()
        for path in sorted(out.glob("*.csv"))
    }


def descendants(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{one}/task").iterdir():
                found += [int(child) for child in (thread / "children").read_text().split()]
    return found


def command(pid: int) -> bytes:
    """Return the command line of a process."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def alive(pid: int) -> bool:
    """Return whether a process is there and no zombie."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


if __name__ == "__main__":
    sys.exit(main())
