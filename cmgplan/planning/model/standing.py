"""Switches that stand closed at the start, where none may operate (``operation_limit = 0``).

Every schedule is the initial state then, hour after hour. Two things can stand against it before
any search: a loop of closed switches, where operation is radial, and hours in which Level 3 has
left nothing over, so that a closed switch would have to open.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cmgplan.errors import InfeasibleError
from cmgplan.explanation import Explanation, hours_in_words
from cmgplan.planning.case.records import Case, PlanOptions
from cmgplan.planning.model.switches import (
    FEEDER,
    Switch,
    SwitchHours,
    all_switches,
    cycles_in,
    graph_of,
)

ONE_OPERATION = "each switch may operate once (operation_limit = 1)"
MESHED = "switches may form loops (radial = false)"


def reject_standing_loops(case: Case, options: PlanOptions) -> None:
    """Raise InfeasibleError where switches stand closed in a loop and none may open."""
    if options.operation_limit != 0 or not options.radial:
        return
    closed = [s for s in all_switches(case) if s.initially_closed]
    hour = {s.id: np.ones(1, dtype=bool) for s in closed}
    loops = cycles_in(graph_of(closed, hour, 0))
    if not loops:
        return
    told = "; ".join(_loop_in_words(closed, nodes) for nodes in loops)
    plural = "loops" if len(loops) > 1 else "a loop"
    explanation = Explanation(
        "Level 4",
        f"the switches that stand closed at the start form {plural}, {told}, and none may open, "
        "as operation_limit is 0",
        (),
        (
            "one switch of each loop stands open at the start (initially_closed = false)",
            ONE_OPERATION,
            MESHED,
        ),
    )
    raise InfeasibleError(explanation.message(), explanation)


def held_open(case: Case, options: PlanOptions, mask: SwitchHours) -> Iterator[str]:
    """Yield what would have to open under a mask although no switch may operate."""
    if options.operation_limit != 0:
        return
    for switch in all_switches(case):
        hours = np.flatnonzero(~mask[switch.id]).tolist()
        if switch.initially_closed and hours:
            yield (
                f"{switch.id} stands closed at the start and may not be closed in hours "
                f"{hours_in_words(hours)}, as the levels before left nothing over there; let it "
                'operate (operation_limit), let every switch close (hierarchy = "joint"), or have '
                "it stand open at the start (initially_closed = false)"
            )


def _loop_in_words(closed: list[Switch], nodes: frozenset[str]) -> str:
    places = sorted("the feeder" if node == FEEDER else node for node in nodes)
    ids = [s.id for s in closed if s.ends[0] in nodes and s.ends[1] in nodes]
    return f"{' - '.join(places)} by {', '.join(ids)}"
