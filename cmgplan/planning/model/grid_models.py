"""Level 4's convex mixed-integer relaxation, and what the PCCs inject into a feeder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np

from cmgplan.network.branch_flow import Injection, add_branch_flow, switched_cone
from cmgplan.network.feeder import Feeder
from cmgplan.network.reduction import reduce_feeder
from cmgplan.planning.case.records import Case, PlanOptions
from cmgplan.planning.model.schedule import add_objectives, exchange_disks, new_schedule, tie_cones
from cmgplan.planning.model.schedule_model import ByPlaceAndHour, RelaxedModel, ScheduleModel
from cmgplan.planning.model.switches import SwitchHours
from cmgplan.planning.model.switching import add_switching
from cmgplan.solve import Disk, LinearProblem, QuadraticCone


@dataclass(frozen=True)
class ConvexModel:
    """The relaxation as a Pyomo model with its quadratic rows apart."""

    model: RelaxedModel
    cones: list[QuadraticCone]
    disks: list[Disk]


def pcc_injections(m: ScheduleModel, case: Case, feeder: Feeder) -> tuple[Injection, Injection]:
    """Return what the PCCs inject at each bus position and hour, kW and kvar."""
    at_bus: dict[int, list[str]] = {}
    for mg in case.microgrids:
        at_bus.setdefault(feeder.position(mg.bus), []).append(mg.id)

    def injection(flow: ByPlaceAndHour) -> Callable[[int, int], Any]:
        return lambda i, t: sum((flow[mg, t] for mg in at_bus.get(i, ())), start=0.0)

    return injection(m.p_pcc), injection(m.q_pcc)


def add_relaxed_feeder(m: RelaxedModel, case: Case, feeder: Feeder) -> list[QuadraticCone]:
    """Add the branch flow of a reduced feeder fed by the PCCs, and return its cones."""
    p_inj, q_inj = pcc_injections(m, case, feeder)
    cones = add_branch_flow(m, feeder, list(m.T), p_inj, q_inj)
    m.has_feeder = True
    return cones


def convex_model(
    case: Case, options: PlanOptions, feeder: Feeder, mask: SwitchHours
) -> ConvexModel:
    """Return Level 4 with switches as binaries and the feeder's branch flow as cones.

    The feeder is reduced to the branches between the PCC buses, which is exact but for the
    voltage limits of the buses in between: the model contains every AC-feasible schedule. Losses
    of ties, and of branches that feed one microgrid alone, know of that switch, which tightens
    what the model allows while the switch is neither open nor closed.
    """
    m: RelaxedModel = new_schedule(case, options)
    active = {feeder.position(mg.bus) for mg in case.microgrids}
    reduced = reduce_feeder(feeder, active)
    cones = add_relaxed_feeder(m, case, reduced)
    add_objectives(m, case, options)
    binaries = add_switching(m, case, options, mask)
    cones += tie_cones(m, case, binaries)
    cones += [
        switched_cone(m, reduced, k, t, binaries[pcc, t])
        for k, pcc in _feeding_one(case, reduced).items()
        for t in m.T
        if (pcc, t) in binaries
    ]
    return ConvexModel(m, cones, exchange_disks(m, case, binaries))


def _feeding_one(case: Case, feeder: Feeder) -> dict[int, str]:
    """Return the PCC of each branch of a reduced feeder that only this PCC draws from.

    There is none where lines charge: these carry current whatever is closed.
    """
    if np.any(feeder.b_pu != 0.0):
        return {}
    behind: list[list[str]] = [[] for _ in range(feeder.n_bus)]
    for mg in case.microgrids:
        behind[feeder.position(mg.bus)].append(mg.pcc.id)
    tree = nx.DiGraph(zip(feeder.from_bus.tolist(), feeder.to_bus.tolist(), strict=True))
    for bus in reversed(list(nx.topological_sort(tree))):
        for above in tree.predecessors(bus):
            behind[above] += behind[bus]
    feeding = {k: behind[int(bus)] for k, bus in enumerate(feeder.to_bus)}
    return {k: pccs[0] for k, pccs in feeding.items() if len(pccs) == 1}


def linear_problem(convex: ConvexModel) -> LinearProblem:
    """Compile the relaxation for HiGHS."""
    return LinearProblem(
        convex.model,
        convex.cones,
        convex.disks,
        cone_tolerance=5e-4,
        disk_tolerance=1e-2,
        own_units=True,
    )
