"""Bonmin on a convex mixed-integer Pyomo model, in a process of its own.

Some of Bonmin's errors abort the whole process, and its dual bound stands only in its log; both
are reasons to run it as a child and read what it leaves.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyomo.environ as pyo
from pyomo.repn.plugins.nl_writer import NLWriter

from cmgplan.solve.outcome import Outcome, Stop
from cmgplan.solve.self_test import agrees

NO_SOLUTION = 1e49
CHILD = Path(__file__).with_name("bonmin_child.py")
"""Run as a script: the package's own imports would take most of a small solve's time."""

ANY_GAP = 1e20
"""Bonmin's largest gap: what stands for an infinite one, with which the first schedule will do."""

STARTING_S = 20.0
"""Time that a child has beyond its limit, to start and to heed it; Bonmin does not always."""

KNOWN, KNOWN_ANSWER = "the best point in a circle with one coordinate 0 or 1", -4.0
"""What every child asks Bonmin beside the problem (``bonmin_child.known``), and the answer."""

BELIEVED_BREAK = 1e-3
"""Break of a row, as a share of 1 + its limit, with which no point of Bonmin is believed."""

_NUMBER = r"([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)"
_BOUNDS = (
    re.compile(r"best possible\s+" + _NUMBER, re.IGNORECASE),
    re.compile(r"lower bound(?: is)?:?\s*" + _NUMBER, re.IGNORECASE),
)


def solve_bonmin(
    model: Any,
    weights: Sequence[tuple[Any, float]],
    *,
    time_limit_s: float,
    gap_abs: float = 1e-4,
    algorithm: str = "B-BB",
) -> Outcome:
    """Minimise a weighted sum of variables of a model by Bonmin.

    Parameters
    ----------
    model
        Pyomo model with bounds as they should hold; convex but for its integers, else the
        returned bound is none.
    weights
        Pairs of variable and weight.
    time_limit_s, gap_abs
        Limits of the search. With an infinite gap it ends at the first schedule.
    algorithm
        Bonmin's ``B-BB``, ``B-OA``, ``B-QG``, ``B-Hyb``.

    Returns
    -------
    Outcome
        ``x`` is in the order of ``model``'s .nl columns and already loaded into the model.
    """
    begun = time.perf_counter()
    model.bonmin_goal_ = pyo.Objective(expr=sum(weight * v for v, weight in weights))
    try:
        with tempfile.TemporaryDirectory(prefix="cmgplan-") as folder:
            path = Path(folder) / "model.nl"
            variables = _write_nl(model, path)
            options = {
                "algorithm": algorithm,
                "time_limit": time_limit_s,
                "allowable_gap": min(gap_abs, ANY_GAP),
                "allowable_fraction_gap": 0.0,
            }
            answer, log, code = _child(path, options, time_limit_s, len(variables))
    finally:
        model.del_component("bonmin_goal_")
    return _outcome(
        model, variables, weights, answer, log, code, gap_abs, time.perf_counter() - begun
    )


def _write_nl(model: Any, path: Path) -> list[Any]:
    """Write a model as .nl with nothing presolved away; return its variables in column order."""
    with path.open("w", newline="") as stream:
        info = NLWriter().write(
            model, stream, linear_presolve=False, export_defined_variables=False
        )
    return list(info.variables)


def _child(
    path: Path, options: Mapping[str, object], time_limit_s: float, columns: int
) -> tuple[dict[str, Any] | None, str, int]:
    """Run the child; return its answer, its log and its exit code."""
    (path.parent / "options.json").write_text(json.dumps(options))
    python = sys.executable or shutil.which("python3") or "python3"
    process = subprocess.Popen(
        [python, "-P", str(CHILD), str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    try:
        log, _ = process.communicate(timeout=time_limit_s * 1.2 + STARTING_S)
    except subprocess.TimeoutExpired:
        process.kill()
        log, _ = process.communicate()
        return {"status": "LIMIT_EXCEEDED", "x": None}, f"{log}\nstopped from outside", 0
    except BaseException:
        process.kill()
        process.wait()
        raise
    result = path.parent / "answer.json"
    return _left(result, columns), log, int(process.returncode)


def _outcome(
    model: Any,
    variables: Sequence[Any],
    weights: Sequence[tuple[Any, float]],
    answer: dict[str, Any] | None,
    log: str,
    code: int,
    gap_abs: float,
    wall_s: float,
) -> Outcome:
    tail = " | ".join(line.strip() for line in log.strip().splitlines()[-3:])
    if answer is None:
        return Outcome(
            Stop.ERROR, None, None, None, "Bonmin", f"ended with code {code}: {tail}", wall_s
        )
    agrees("Bonmin", "casadi", KNOWN, KNOWN_ANSWER, answer.get("known", KNOWN_ANSWER))
    status = str(answer["status"])
    bound = _bound(log)
    held = answer["x"] is not None and abs(float(answer["f"])) < NO_SOLUTION
    if status == "INFEASIBLE":
        return Outcome(Stop.INFEASIBLE, None, None, None, "Bonmin", status, wall_s)
    if not held:
        stop = Stop.LIMIT if status == "LIMIT_EXCEEDED" else Stop.ERROR
        return Outcome(stop, None, bound, None, "Bonmin", f"{status}: {tail}", wall_s)
    x = np.asarray(answer["x"], dtype=np.float64)
    for variable, value in zip(variables, x, strict=True):
        rounded = float(value) if variable.is_continuous() else round(float(value))
        variable.set_value(rounded, skip_validation=True)
    value = float(sum(weight * v.value for v, weight in weights))
    stop = Stop.OPTIMAL if status == "SUCCESS" else Stop.FEASIBLE
    wrong = _contradicted(model, value, bound, gap_abs)
    if wrong:
        message = f"{status}, but {wrong}"
        return Outcome(Stop.ERROR, None, None, None, "Bonmin", message, wall_s)
    if stop is Stop.OPTIMAL and gap_abs < ANY_GAP:
        bound = max(value - gap_abs, -np.inf if bound is None else bound)
    return Outcome(stop, value, bound, x, "Bonmin", status, wall_s)


def _left(path: Path, columns: int) -> dict[str, Any] | None:
    """Return what a child has left, None where that is nothing that can be used."""
    try:
        answer = json.loads(path.read_text())
        usable = isinstance(answer, dict) and {"status", "f", "x"} <= set(answer)
    except (OSError, ValueError):
        return None
    if not usable or (answer["x"] is not None and len(answer["x"]) != columns):
        return None
    found: dict[str, Any] = answer
    return found


def _contradicted(model: Any, value: float, bound: float | None, gap_abs: float) -> str:
    """Return what of the answer loaded into a model cannot be, in words; empty where it can."""
    off = 0.0
    for v in model.component_data_objects(pyo.Var, active=True):
        if v.value is not None and not v.fixed:
            for side, over in ((v.lb, -1.0), (v.ub, 1.0)):
                if side is not None:
                    off = max(off, over * (v.value - side) / (1.0 + abs(side)))
    for row in model.component_data_objects(pyo.Constraint, active=True):
        body = float(pyo.value(row.body))
        for side, over in ((row.lower, -1.0), (row.upper, 1.0)):
            if side is not None:
                limit = float(pyo.value(side))
                off = max(off, over * (body - limit) / (1.0 + abs(limit)))
    if not off <= BELIEVED_BREAK:
        return f"its point breaks a row or bound by {off:.3g} of its size"
    if bound is not None and bound > value + gap_abs + BELIEVED_BREAK * (1.0 + abs(value)):
        return f"its bound {bound:.6g} is above the value {value:.6g} of its point"
    return ""


def _bound(log: str) -> float | None:
    """Return the last lower bound that the log speaks of."""
    found = [float(m.group(1)) for pattern in _BOUNDS for m in pattern.finditer(log)]
    finite = [value for value in found if abs(value) < NO_SOLUTION]
    return max(finite) if finite else None
