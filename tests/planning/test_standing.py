"""Where no switch may operate, every hour is the initial state: planned, or told why not."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from plans import connect, quick

from cmgplan import plan
from cmgplan.errors import InfeasibleError
from cmgplan.network.feeder import build_feeder
from cmgplan.planning.case import Case, load_case
from cmgplan.planning.levels.islanded import first_mask, solve_levels_1_to_3, standing_apart
from cmgplan.planning.model.switches import all_switches, allow
from cmgplan.planning.why.explain import explain_grid

FOLDER = Path(__file__).parents[1] / "data" / "cases" / "closed-at-the-start-no-operations"


@cache
def case() -> Case:
    """Return three microgrids whose PCCs stand closed, ties open, and operation_limit 0."""
    return load_case(FOLDER)


def looped() -> Case:
    """Return the case with tie T12 closed as well: a loop by PCC1 and PCC2."""
    ties = tuple(
        tie.model_copy(update={"initially_closed": tie.id == "T12"}) for tie in case().file.tie
    )
    return replace(case(), file=case().file.model_copy(update={"tie": ties}))


def test_levels_without_the_feeder_hold_its_switches_open_at_no_operation() -> None:
    levels = solve_levels_1_to_3(case(), quick(case()))
    for level in levels:
        assert not any(hours.any() for hours in level.operation.closed.values())
    apart = standing_apart(case(), case().options, first_mask(case(), case().options))
    assert not any(switch.initially_closed for switch in all_switches(apart))
    free = case().options.model_copy(update={"operation_limit": 1})
    assert standing_apart(case(), free, first_mask(case(), free)) is case()


@pytest.mark.parametrize("minlp", ["decomposition", "highs"])
def test_the_standing_schedule_is_level_4s(minlp: str) -> None:
    connection = connect(case(), quick(case(), minlp=minlp, time_limit_s=20.0))
    answer = connection.minimise({"gc_usd": 1.0, "loss_kwh": 0.1}, {}, label=minlp)
    assert answer.operation is not None, answer.reason
    for switch in all_switches(case()):
        assert np.all(answer.operation.closed[switch.id] == switch.initially_closed)
    assert answer.operation.p_pcc_kw["MG2"].min() < -1.0  # the feeder serves what wind does not


def test_a_standing_loop_is_named_with_its_mend() -> None:
    with pytest.raises(InfeasibleError) as raised:
        plan(looped(), looped().options)
    told = str(raised.value)
    assert "form a loop, MG1 - MG2 - the feeder by T12, PCC1, PCC2, and none may open" in told
    for mend in ("initially_closed = false", "operation_limit = 1", "radial = false"):
        assert f"({mend})" in told
    meshed = looped().options.model_copy(update={"radial": False})
    operated = connect(looped(), meshed).minimise({"loss_kwh": 1.0}, {}, label="meshed").operation
    assert operated is not None
    assert operated.closed["T12"].all() and operated.closed["PCC1"].all()


def test_a_mask_that_opens_a_standing_switch_is_named_with_its_mend() -> None:
    mask = {s: hours.copy() for s, hours in allow(case(), ("microgrid", "cluster", "grid")).items()}
    mask["PCC3"][1:] = False
    explanation = explain_grid(case(), case().options, build_feeder(case()), mask)
    assert explanation is not None
    assert "0 would have to be 1" in "\n".join(explanation.lines())
    (note,) = [note for note in explanation.notes if note.startswith("PCC3 stands closed")]
    assert "may not be closed in hours 1, 2" in note
    assert 'hierarchy = "joint"' in note
