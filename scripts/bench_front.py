"""Time the front of Level 4 as cases grow, and beside HiGHS and Bonmin on the whole problem.

Growth: generated cases on the 94-bus feeder, every switch free in every hour. Methods: points of
a case's front, each asked cold of every method with the time that ours took (and multiples).
Every measurement runs in a process of its own; peak memory is that process's.

    .venv/bin/python scripts/bench_front.py growth [--sizes 5,10,20,40] [--hours 24,48,96]
    .venv/bin/python scripts/bench_front.py methods [--case cases/ieee94] [--times 1,5]
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from cmgplan.network.feeder import build_feeder
from cmgplan.planning.case import Case, load_case
from cmgplan.planning.case.records import PlanOptions
from cmgplan.planning.levels.front import solve_front
from cmgplan.planning.levels.front_points import Front
from cmgplan.planning.levels.islanded import grid_mask, solve_levels_1_to_3
from cmgplan.planning.levels.level4 import GridConnection
from cmgplan.planning.model.switches import allow
from cmgplan.search.epsilon import augmented

ROOT = Path(__file__).resolve().parents[1]
OURS = "decomposition"
OTHERS = ("highs", "bonmin")
LEAST_S = 1.0
"""Least time that a method is given."""

Row = Mapping[str, Any]


def numbers(text: str) -> list[int]:
    """Return the whole numbers of a list with commas."""
    return [int(part) for part in text.split(",")]


# In the child


def growth_case(asked: Row) -> Case:
    """Return the generated case of one measurement."""
    sys.path.append(str(ROOT / "tests"))
    from generated import generated_case

    return generated_case(
        asked["seed"], microgrids=asked["microgrids"], hours=asked["hours"], feeder="ieee94"
    )


def connected(case: Case, options: PlanOptions) -> GridConnection:
    """Return Level 4 with the masks that the hierarchy leaves."""
    if options.hierarchy == "joint":
        mask = allow(case, ("microgrid", "cluster", "grid"))
    else:
        mask = grid_mask(case, options, solve_levels_1_to_3(case, options)[-1])
    return GridConnection(case, options, build_feeder(case), mask)


def measure_front(case: Case, options: PlanOptions, asked: Row) -> Row:
    """Return times, gaps and caps of a front."""
    begun = time.perf_counter()
    connection = connected(case, options)
    built = time.perf_counter()
    front = solve_front(connection, options, lambda message, point, points, gap: None)
    done = time.perf_counter()
    return {
        "build_s": built - begun,
        "front_s": done - built,
        "point_s": [point.answer.wall_s for point in front.points],
        "gaps": [point.gap for point in front.points],
        "statuses": [str(point.status) for point in front.points],
        "reasons": [point.answer.reason for point in front.points],
        "absolute": front.absolute,
        "gap_unit": front.trade.gap_unit(front.payoff.ranges),
        "questions": questions_of(front),
    }


def questions_of(front: Front) -> list[Row]:
    """Return weights and caps of every point."""
    trade = front.trade
    weights = augmented(trade.minimised, trade.weighed, front.payoff.ranges)
    return [{"weights": weights, "caps": dict(point.caps)} for point in front.points]


def measure_point(case: Case, options: PlanOptions, asked: Row) -> Row:
    """Return how far one method gets with one point, asked cold."""
    connection = connected(case, options)
    connection.time_limit_s = asked["time_limit_s"]
    begun = time.perf_counter()
    answer = connection.minimise(
        asked["weights"], asked["caps"], label="point", gap_abs=asked["gap_usd"]
    )
    values = answer.values
    return {
        "wall_s": time.perf_counter() - begun,
        "value": None
        if values is None
        else sum(w * values[n] for n, w in asked["weights"].items()),
        "bound": answer.bound,
        "reason": answer.reason,
    }


def child(asked: Row) -> None:
    """Do one measurement and print it as JSON."""
    case = load_case(asked["case"]) if "case" in asked else growth_case(asked)
    options = case.options.model_copy(update=asked["options"])
    measure = measure_point if "caps" in asked else measure_front
    found = measure(case, options, asked)
    used = resource.getrusage(resource.RUSAGE_SELF)
    spent = {"processor_s": used.ru_utime + used.ru_stime, "peak_mb": used.ru_maxrss / 1024}
    print(json.dumps({**found, **spent}))


# In the parent


def measured(asked: Row, told: Progress, title: str, timeout_s: float) -> Row:
    """Do a measurement in a process of its own; ``failed`` tells why there is none."""
    task = told.add_task(title, total=None)
    command = [sys.executable, __file__, "child", json.dumps(asked)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        return {"failed": f"stopped after {timeout_s:.0f} s"}
    finally:
        process.kill()
        process.wait()
        told.remove_task(task)
    if process.returncode != 0:
        return {"failed": (err.strip().splitlines() or ["no message"])[-1]}
    answer: Row = json.loads(out.strip().splitlines()[-1])
    return answer


def growth(arguments: argparse.Namespace, told: Progress) -> Iterator[Sequence[str]]:
    """Yield the rows of the growth table."""
    yield (
        *("microgrids", "hours", "build, s", "front, s", "processor, s", "s a point"),
        *("worst gap", "status", "MB"),
    )
    options = {
        "points": arguments.points,
        "gap": arguments.gap,
        "time_limit_s": arguments.limit,
        "hierarchy": arguments.hierarchy,
    }
    for microgrids in numbers(arguments.sizes):
        for hours in numbers(arguments.hours):
            asked = {
                "seed": arguments.seed,
                "microgrids": microgrids,
                "hours": hours,
                "options": options,
            }
            title = f"{microgrids} microgrids, {hours} hours"
            found = measured(asked, told, title, arguments.timeout)
            told.console.print(f"{title}: {json.dumps(found)}", soft_wrap=True, markup=False)
            yield growth_row(microgrids, hours, found)


def growth_row(microgrids: int, hours: int, found: Row) -> Sequence[str]:
    """Return one front as a row of text."""
    if "failed" in found:
        return (str(microgrids), str(hours), *["-"] * 5, found["failed"], "-")
    counts = {status: found["statuses"].count(status) for status in found["statuses"]}
    return (
        str(microgrids),
        str(hours),
        f"{found['build_s']:.1f}",
        f"{found['front_s']:.1f}",
        f"{found['processor_s']:.1f}",
        ", ".join(f"{s:.1f}" for s in found["point_s"]),
        gap_text(found["gaps"], found["absolute"]),
        ", ".join(f"{count} {status}" for status, count in counts.items()),
        f"{found['peak_mb']:.0f}",
    )


def gap_text(gaps: Sequence[float | None], absolute: bool) -> str:
    """Return the worst gap, in $ or % of the range; a point without one says so."""
    known = [gap for gap in gaps if gap is not None]
    if not known:
        return "none"
    worst = f"{max(known):.2f} $" if absolute else f"{100.0 * max(known):.2f} %"
    return worst if len(known) == len(gaps) else f"{worst}, {len(gaps) - len(known)} without"


def methods(arguments: argparse.Namespace, told: Progress) -> Iterator[Sequence[str]]:
    """Yield the rows of the comparison of methods."""
    yield ("point", "method", "time given, s", "time, s", "value, $", "bound, $", "gap", "MB")
    options = {
        "points": arguments.points,
        "gap": arguments.gap,
        "time_limit_s": arguments.limit,
        "hierarchy": arguments.hierarchy,
    }
    base = {"case": str(arguments.case), "options": options}
    front = measured(base, told, "our front, for its caps", arguments.timeout)
    if "failed" in front:
        raise SystemExit(f"no front to compare on: {front['failed']}")
    unit = front["gap_unit"]
    for number, question in enumerate(front["questions"], start=1):
        asked = {**base, **question, "gap_usd": arguments.gap * unit}
        given_s = arguments.limit
        for method, times in runs(arguments):
            limit = max(given_s * times, LEAST_S)
            point = {
                **asked,
                "time_limit_s": limit,
                "options": {**options, "minlp": method},
            }
            title = f"point {number}, {method}, {limit:.0f} s"
            found = measured(point, told, title, arguments.timeout)
            told.console.print(f"{title}: {json.dumps(found)}", soft_wrap=True, markup=False)
            yield method_row(number, method, limit, found, unit)
            if method == OURS:
                given_s = found.get("wall_s", given_s)


def runs(arguments: argparse.Namespace) -> list[tuple[str, int]]:
    """Return methods and multiples of our time, ours first."""
    return [(OURS, 1), *((m, times) for times in numbers(arguments.times) for m in OTHERS)]


def method_row(number: int, method: str, limit: float, found: Row, unit: float) -> Sequence[str]:
    """Return one method's answer to one point as a row of text."""
    if "failed" in found:
        return (str(number), method, f"{limit:.1f}", *["-"] * 3, found["failed"], "-")
    value, bound = found["value"], found["bound"]
    both = value is not None and bound is not None
    return (
        str(number),
        method,
        f"{limit:.1f}",
        f"{found['wall_s']:.1f}",
        "none" if value is None else f"{value:.2f}",
        "none" if bound is None else f"{bound:.2f}",
        f"{100.0 * max(value - bound, 0.0) / unit:.2f} %" if both else "-",
        f"{found['peak_mb']:.0f}",
    )


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Return rows, the first of which is the head, as a markdown table."""
    head, *body = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    found = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    found.add_argument("part", choices=("growth", "methods"))
    found.add_argument("--sizes", default="5,10,20,40", help="numbers of microgrids")
    found.add_argument("--hours", default="24,48,96")
    found.add_argument("--points", type=int, default=3)
    found.add_argument("--seed", type=int, default=1)
    found.add_argument("--gap", type=float, default=0.01)
    found.add_argument("--limit", type=float, default=60.0, help="seconds a question may take")
    found.add_argument("--timeout", type=float, default=1800.0, help="seconds a front may take")
    found.add_argument("--hierarchy", choices=("joint", "levels"), default="joint")
    found.add_argument("--case", type=Path, default=ROOT / "cases" / "ieee94")
    found.add_argument("--times", default="1,5", help="multiples of our time for the others")
    return found


def main() -> None:
    """Measure and print a table."""
    if sys.argv[1:2] == ["child"]:
        child(json.loads(sys.argv[2]))
        return
    arguments = parser().parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as told:
        part = growth if arguments.part == "growth" else methods
        rows = list(part(arguments, told))
    print(markdown(rows))


if __name__ == "__main__":
    main()
