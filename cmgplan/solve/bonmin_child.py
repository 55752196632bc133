"""Child process of ``bonmin``: solves one .nl file and leaves answer.json beside it."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import casadi as ca


def main(path: Path) -> None:
    """Solve ``path`` with the options in options.json beside it."""
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
        "known": known(),
    }
    temporary = path.parent / "answer.json.part"
    temporary.write_text(json.dumps(answer))
    temporary.rename(path.parent / "answer.json")


def known() -> float | str:
    """Return Bonmin's answer to a question whose answer is known, or its status.

    The least -2 x - y with x 0 or 1 and x^2 + y^2 at most 5, which is -4.
    """
    v = ca.SX.sym("v", 2)
    solver = ca.nlpsol(
        "known",
        "bonmin",
        {"x": v, "f": -2.0 * v[0] - v[1], "g": ca.sumsqr(v)},
        {
            "discrete": [True, False],
            "error_on_fail": False,
            "print_time": False,
            "bonmin": {"bb_log_level": 0},
        },
    )
    found = solver(x0=[0.0, 0.0], lbx=[0.0, 0.0], ubx=[1.0, 4.0], lbg=-math.inf, ubg=5.0)
    return float(found["f"]) if solver.stats()["success"] else str(solver.stats()["return_status"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
