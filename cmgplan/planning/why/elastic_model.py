"""The relaxation of a level whose limits may give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cmgplan.devices import StaticVarCompensator
from cmgplan.network.feeder import Feeder
from cmgplan.network.reduction import reduce_feeder
from cmgplan.planning.case.records import Case, PlanOptions
from cmgplan.planning.model.grid_models import add_relaxed_feeder
from cmgplan.planning.model.schedule import add_objectives, allow_unserved, new_schedule, tie_cones
from cmgplan.planning.model.schedule_model import RelaxedModel, SwitchingModel
from cmgplan.planning.model.switches import SwitchHours
from cmgplan.planning.model.switching import add_switching
from cmgplan.planning.why.slacks import RESERVE, Slack, SlackBuilder
from cmgplan.solve import LinearProblem, QuadraticCone

CONE_KW, DISK_KVA = 1e-4, 1e-3
"""Break of a cone or circle that is left standing."""


@dataclass(frozen=True)
class ElasticLevel:
    """A level's relaxation whose limits may give.

    Attributes
    ----------
    slacks
        What may give, in no order that matters.
    feeder
        The feeder as it stands in the model, reduced; None at Levels 1 to 3.
    """

    case: Case
    options: PlanOptions
    mask: SwitchHours
    model: SwitchingModel
    problem: LinearProblem
    slacks: tuple[Slack, ...]
    feeder: Feeder | None


def elastic_level(
    case: Case, options: PlanOptions, mask: SwitchHours, feeder: Feeder | None
) -> ElasticLevel:
    """Return a level with slacks on its limits.

    Without a feeder it is one of Levels 1 to 3, at which loads may go unserved at no charge.
    """
    most = most_kva(case)
    m: RelaxedModel = new_schedule(_with_reserves(case, most), options)
    h = case.horizon(options)
    allow_unserved(m, case, h)
    builder = SlackBuilder(m, case, options, most)
    cones = tie_cones(m, case)
    reduced = None
    if feeder is not None:
        reduced = reduce_feeder(feeder, _kept(case, feeder))
        cones += _sharp(reduced, add_relaxed_feeder(m, case, reduced))
        builder.voltages(reduced)
        builder.branches(reduced)
        builder.loads(h.dt_h)
    add_objectives(m, case, options)
    if options.operation_limit is None:
        add_switching(m, case, options, mask)
    else:
        add_switching(m, case, options.model_copy(update={"operation_limit": h.hours}), mask)
        builder.operations(options.operation_limit)
    disks = builder.ratings(mask)
    builder.reserves()
    builder.vehicles()
    problem = LinearProblem(m, cones, disks, cone_tolerance=CONE_KW, disk_tolerance=DISK_KVA)
    return ElasticLevel(case, options, mask, m, problem, tuple(builder.slacks), reduced)


def _sharp(feeder: Feeder, cones: Sequence[QuadraticCone]) -> list[QuadraticCone]:
    """Return the cones of the branches, current itself counting where it is limited."""
    hours = len(cones) // max(feeder.n_line, 1)
    limited = np.repeat(np.isfinite(feeder.i_max_pu), hours)
    return [replace(c, scale=1.0) if sharp else c for c, sharp in zip(cones, limited, strict=True)]


def most_kva(case: Case) -> float:
    """Return more than any switch has to carry: twice all that draws, stores or must run."""
    drawn = 1.0
    for mg in case.microgrids:
        rise = 1.0 + max((load.share_up for load in mg.load), default=0.0)
        drawn += rise * float(np.abs(case.microgrid_load_kva(mg.id)).max(initial=0.0))
        drawn += sum(store.p_charge_max_kw for store in mg.stores())
        drawn += sum(abs(svc.q_min_kvar) + abs(svc.q_max_kvar) for svc in mg.svc)
        drawn += sum(abs(mt.q_min_kvar) + abs(mt.q_max_kvar) + mt.p_min_kw for mt in mg.mt)
    return 2.0 * drawn


def _kept(case: Case, feeder: Feeder) -> set[int]:
    """Return the buses of microgrids and those with tighter voltage limits than others have."""
    tighter = (feeder.v_min_pu > feeder.v_min_pu.min()) | (feeder.v_max_pu < feeder.v_max_pu.max())
    at_pcc = {feeder.position(mg.bus) for mg in case.microgrids}
    return at_pcc | {int(i) for i in np.flatnonzero(tighter)}


def _with_reserves(case: Case, most: float) -> Case:
    """Return the case with a compensator in each microgrid, of a size that its slack limits."""
    lent = StaticVarCompensator(id=RESERVE, q_min_kvar=-most, q_max_kvar=most)
    microgrids = tuple(mg.model_copy(update={"svc": (*mg.svc, lent)}) for mg in case.microgrids)
    file = case.file.model_copy(update={"microgrid": microgrids})
    return replace(case, file=file)
