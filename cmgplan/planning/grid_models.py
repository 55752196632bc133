"""The two models of Level 4: the convex mixed-integer relaxation and the AC problem."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cmgplan.case.records import Case, PlanOptions
from cmgplan.network.ac import add_ac_network
from cmgplan.network.branch_flow import Injection, add_branch_flow
from cmgplan.network.feeder import Feeder
from cmgplan.network.reduction import reduce_feeder
from cmgplan.planning.schedule import (
    add_exact_exchange,
    add_objectives,
    exchange_disks,
    new_schedule,
    tie_cones,
)
from cmgplan.planning.switches import SwitchHours
from cmgplan.planning.switching import add_switching
from cmgplan.solve import Disk, LinearProblem, NonlinearProblem, QuadraticCone


@dataclass(frozen=True)
class ConvexModel:
    """The relaxation as a Pyomo model with its quadratic rows apart."""

    model: Any
    cones: list[QuadraticCone]
    disks: list[Disk]


def pcc_injections(m: Any, case: Case, feeder: Feeder) -> tuple[Injection, Injection]:
    """Return what the PCCs inject at each bus position and hour, kW and kvar."""
    at_bus: dict[int, list[str]] = {}
    for mg in case.microgrids:
        at_bus.setdefault(feeder.position(mg.bus), []).append(mg.id)

    def injection(flow: Any) -> Callable[[int, int], Any]:
        return lambda i, t: sum((flow[mg, t] for mg in at_bus.get(i, ())), start=0.0)

    return injection(m.p_pcc), injection(m.q_pcc)


def convex_model(
    case: Case, options: PlanOptions, feeder: Feeder, mask: SwitchHours
) -> ConvexModel:
    """Return Level 4 with switches as binaries and the feeder's branch flow as cones.

    The feeder is reduced to the branches between the PCC buses, which is exact but for the
    voltage limits of the buses in between: the model contains every AC-feasible schedule.
    """
    m = new_schedule(case, options)
    active = {feeder.position(mg.bus) for mg in case.microgrids}
    reduced = reduce_feeder(feeder, active)
    p_inj, q_inj = pcc_injections(m, case, reduced)
    cones = add_branch_flow(m, reduced, list(m.T), p_inj, q_inj)
    add_objectives(m, case, options)
    binaries = add_switching(m, case, options, mask)
    return ConvexModel(m, [*cones, *tie_cones(m, case)], exchange_disks(m, case, binaries))


def linear_problem(convex: ConvexModel) -> LinearProblem:
    """Compile the relaxation for HiGHS."""
    return LinearProblem(
        convex.model, convex.cones, convex.disks, cone_tolerance=5e-4, disk_tolerance=1e-2
    )


def ac_model(case: Case, options: PlanOptions, feeder: Feeder) -> tuple[Any, NonlinearProblem]:
    """Return Level 4 with AC power flow on the whole feeder, switches set by bounds."""
    m = new_schedule(case, options)
    p_inj, q_inj = pcc_injections(m, case, feeder)
    add_ac_network(m, feeder, list(m.T), p_inj, q_inj)
    add_objectives(m, case, options)
    add_exact_exchange(m, case)
    return m, NonlinearProblem(m, [m.f1, m.f2, m.f3])
