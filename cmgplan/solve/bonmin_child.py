"""Child process of ``bonmin``: solves one .nl file and leaves answer.json beside it."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import casadi as ca

from cmgplan.errors import SolverError
from cmgplan.solve.self_test import check_bonmin

NOT_BELIEVED = "NOT_BELIEVED"
"""Status of a Bonmin that answers a known question wrongly."""


def main(path: Path) -> None:
    """Solve ``path`` with the options in options.json beside it; first the questions known."""
    try:
        check_bonmin()
    except SolverError as error:
        _leave(path, {"status": NOT_BELIEVED, "f": math.inf, "x": None, "why": str(error)})
        return
    options = json.loads((path.parent / "options.json").read_text())
    nl = ca.NlpBuilder()
    nl.import_nl(str(path))
    solver = ca.nlpsol(
        "cmgplan",
        "bonmin",
        {"x": ca.vertcat(*nl.x), "f": nl.f, "g": ca.vertcat(*nl.g)},
        {
            "expand": True,
            "discrete": nl.discrete,
            "error_on_fail": False,
            "print_time": False,
            "bonmin": options,
        },
    )
    found = solver(x0=nl.x_init, lbx=nl.x_lb, ubx=nl.x_ub, lbg=nl.g_lb, ubg=nl.g_ub)
    x = [float(v) for v in found["x"].full().ravel()]
    usable = all(math.isfinite(v) for v in x)
    answer = {
        "status": str(solver.stats()["return_status"]),
        "f": float(found["f"]),
        "x": x if usable else None,
    }
    _leave(path, answer)


def _leave(path: Path, answer: dict[str, object]) -> None:
    """Write answer.json beside the problem, whole or not at all."""
    temporary = path.parent / "answer.json.part"
    temporary.write_text(json.dumps(answer))
    temporary.rename(path.parent / "answer.json")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
