"""A shortage too small to count as one at Levels 1 and 2 is still served by the feeder."""

from __future__ import annotations

from pathlib import Path

import pytest
from factories import DELETE
from plans import quick, small

from cmgplan.planning.levels.islanded import LEFT_OVER_KW, solve_levels_1_to_3
from cmgplan.planning.pipeline import plan

SHORT_KW = 0.05
SUPPLIED = {
    "tie": DELETE,
    "microgrid.0.mt.0.p_max_kw": 150.0,
    "microgrid.1.load": DELETE,
    "microgrid.1.pv": DELETE,
    "microgrid.1.wt": DELETE,
}


def test_a_small_shortage_of_level_3_lets_connections_close(tmp_path: Path) -> None:
    """MG3 lacks 50 W in every hour and nobody else lacks anything; Level 4 must serve all."""
    case = small(tmp_path, {**SUPPLIED, "microgrid.2.mt.0.p_max_kw": 60.0 - SHORT_KW})
    level3 = solve_levels_1_to_3(case, case.options)[-1]
    assert SHORT_KW < LEFT_OVER_KW
    assert level3.shortage_kw["MG3"] == pytest.approx([SHORT_KW] * 4, abs=0.011)
    assert level3.following["PCC3"].all()
    served = plan(case, quick(case, points=2)).tables["shortage"]
    assert served[served.level == 4].shortage_kw.max() < 1e-4


def test_the_margin_of_the_goals_is_no_shortage(tmp_path: Path) -> None:
    """Goals below the unserved energy may give way by 0.01 kWh; that closes nothing."""
    case = small(tmp_path, {**SUPPLIED, "microgrid.2.mt.0.p_max_kw": 60.0})
    level3 = solve_levels_1_to_3(case, case.options)[-1]
    assert not any(hours.any() for hours in level3.following.values())
