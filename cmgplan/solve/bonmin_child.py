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
    }
    temporary = path.parent / "answer.json.part"
    temporary.write_text(json.dumps(answer))
    temporary.rename(path.parent / "answer.json")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
