"""Level 4's AC problem with its switches set, and what an infeasible upper level says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from plans import EVERY_KIND, quick, small

from cmgplan.errors import InfeasibleError
from cmgplan.network.feeder import build_feeder
from cmgplan.network.powerflow import power_flow
from cmgplan.planning.case import load_case
from cmgplan.planning.levels.upper import pcc_nodal, solve_upper
from cmgplan.planning.model.ac_operation import AcOperation
from cmgplan.planning.model.operation import Operation
from cmgplan.planning.model.switches import SwitchHours, allow

TWO_BUS = Path(__file__).parents[2] / "cases" / "two-bus"
LEAST_LOSS = {"loss_kwh": 1.0}


def all_to_the_grid(hours: SwitchHours) -> SwitchHours:
    """Return the schedule in which every microgrid stands on the feeder and no tie is closed."""
    return {switch: may & switch.startswith("PCC") for switch, may in hours.items()}


LONG = {
    "buses": """\
bus,p_kw,q_kvar,vn_kv,profile
1,0,0,15,
2,200,80,15,
3,100,40,15,homes
4,0,0,15,
5,0,0,15,
""",
    "lines": """\
line,from_bus,to_bus,r_ohm,x_ohm,rating_kva
L1,1,4,1.0,1.0,1000
L2,4,2,1.0,1.0,1000
L3,2,3,2.0,2.0,
L4,3,5,1.0,1.0,
""",
}
"""Bus 4 lies on the way to the PCCs and bus 5 behind them; both fall out of the reduced feeder."""


def operated(folder: Path, v_min_at_5: float) -> Operation:
    """Return the operation of most losses, bus 5 at or over a voltage; pandapower confirms it."""
    case = small(folder, **LONG)
    feeder = build_feeder(case)
    v_min = feeder.v_min_pu.copy()
    v_min[feeder.position("5")] = v_min_at_5
    feeder = replace(feeder, v_min_pu=v_min)
    problem = AcOperation(case, quick(case), feeder)
    closed = all_to_the_grid(allow(case, EVERY_KIND))
    operation = problem.best(closed, {}, {"loss_kwh": -1.0}, {})
    assert operation is not None
    flow = power_flow(feeder, *pcc_nodal(case, feeder, operation))
    assert operation.voltage_pu is not None
    np.testing.assert_allclose(operation.voltage_pu, flow.v_pu, atol=1e-7)
    np.testing.assert_allclose(operation.feeder_loss_kw, flow.loss_kw, atol=1e-4)
    return operation


def test_a_voltage_limit_outside_the_reduced_feeder_is_kept(tmp_path: Path) -> None:
    free = operated(tmp_path / "free", 0.9)
    assert free.voltage_pu is not None
    lowest = float(free.voltage_pu[:, 4].min())
    limit = 0.5 * (lowest + 1.0)
    kept = operated(tmp_path / "kept", limit)
    assert kept.voltage_pu is not None
    assert float(kept.voltage_pu[:, 4].min()) >= limit - 1e-7
    assert kept.loss_kwh < free.loss_kwh - 1e-3


def test_nothing_is_answered_that_is_not_better(tmp_path: Path) -> None:
    case = small(tmp_path)
    problem = AcOperation(case, quick(case), build_feeder(case))
    closed = all_to_the_grid(allow(case, EVERY_KIND))
    best = problem.best(closed, {}, LEAST_LOSS, {})
    assert best is not None
    assert problem.best(closed, {}, LEAST_LOSS, {}, under=best.loss_kwh - 1e-9) is None
    assert problem.best(closed, {}, LEAST_LOSS, {"loss_kwh": 0.9 * best.loss_kwh}) is None
    capped = problem.best(closed, {}, {"ec_usd": 1.0}, {"loss_kwh": 1.1 * best.loss_kwh})
    assert capped is not None
    assert capped.loss_kwh <= 1.1 * best.loss_kwh + 1e-8


def test_an_infeasible_upper_level_names_what_would_have_to_give() -> None:
    case = load_case(TWO_BUS)
    feeder = build_feeder(case)
    problem = AcOperation(case, case.options, feeder)
    selected = problem.best(
        all_to_the_grid(allow(case, EVERY_KIND)), {}, {"gc_usd": 1.0, "ec_usd": 1.0}, {}
    )
    assert selected is not None
    narrow = replace(feeder, v_min_pu=np.full(2, 0.9999))
    with pytest.raises(InfeasibleError, match=r"bus 2: 0\.99990 pu would have to be 0\.9\d+ pu"):
        solve_upper(case, case.options, narrow, selected)
