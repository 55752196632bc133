"""The types of schedule models list what the built models hold, and devices answer rightly."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import get_annotations

import numpy as np
import pytest
from generated import generated_case
from pyomo.repn import generate_standard_repn

from cmgplan.network.feeder import build_feeder
from cmgplan.planning.case.records import Case
from cmgplan.planning.model.ac_operation import AcOperation
from cmgplan.planning.model.grid_models import convex_model
from cmgplan.planning.model.schedule import add_objectives, allow_unserved, new_schedule
from cmgplan.planning.model.schedule_model import (
    FeederModel,
    RelaxedModel,
    ScheduleModel,
    committed,
    on_feeder,
)
from cmgplan.planning.model.switches import allow

EVERY_KIND = ("microgrid", "cluster", "grid")


@pytest.fixture(scope="module")
def case() -> Case:
    return generated_case(3, microgrids=4, hours=3, minimum_loads=2)


def parts(kind: type) -> Iterator[str]:
    """Yield the names of all attributes that a type of models lists."""
    for base in kind.__mro__:
        yield from get_annotations(base)


def test_the_relaxation_holds_all_that_its_type_lists(case: Case) -> None:
    counted = case.options.model_copy(update={"operation_limit": 2, "radial": True})
    m = convex_model(case, counted, build_feeder(case), allow(case, EVERY_KIND)).model
    assert {"T", "closed", "operated", "p_sub", "w", "f1"} <= set(parts(RelaxedModel))
    assert [name for name in parts(RelaxedModel) if not hasattr(m, name)] == []
    assert on_feeder(m)


def test_a_feeder_counts_in_the_cost_only_where_it_stands(case: Case) -> None:
    alone: ScheduleModel = new_schedule(case, case.options)
    add_objectives(alone, case, case.options)
    fed = AcOperation(case, case.options, build_feeder(case))._near.schedule.model
    assert not on_feeder(alone)
    assert on_feeder(fed)
    assert [name for name in parts(FeederModel) if not hasattr(fed, name)] == []
    h = case.horizon()
    row = generate_standard_repn(fed.cost_definition.body)
    of = {id(v): weight for v, weight in zip(row.linear_vars, row.linear_coefs, strict=True)}
    per_kw = [of[id(fed.p_sub[t])] / of[id(fed.f1)] for t in fed.T]
    assert per_kw == pytest.approx(-h.dt_h * h.price_usd_per_mwh / 1000.0)


def test_devices_say_what_their_blocks_hold(case: Case) -> None:
    m: ScheduleModel = new_schedule(case, case.options)
    allow_unserved(m, case, case.horizon())
    said = {"stores": "soc", "responds": "gamma", "can_curtail": "curtailed", "commits": "on"}
    seen: set[str] = set()
    for key, device in m.free.items():
        for answer, part in said.items():
            assert getattr(device, answer) == hasattr(m.dev[key], part), (key, answer)
            seen |= {answer} if getattr(device, answer) else set()
    assert seen == said.keys()


def test_devices_held_as_constants_are_not_free(case: Case) -> None:
    hours = case.file.time.hours
    load = case.microgrids[0].load[0]
    key = (case.microgrids[0].id, load.id)
    taken = np.linspace(-3.0, -1.0, hours), np.zeros(hours), 7.0, 0.0
    m: ScheduleModel = new_schedule(case, case.options, {key: taken})
    assert key in m.DEV
    assert key not in m.free
    assert [m.dev[key].p_inj[t]() for t in m.T] == taken[0].tolist()
    assert list(m.free) == [other for other in m.DEV if other != key]
    assert committed(m) == [
        (mg.id, mt.id) for mg in case.microgrids for mt in mg.mt if mt.p_min_kw > 0.0
    ]
