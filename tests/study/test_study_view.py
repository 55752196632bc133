"""What the page of a study works out from its long tables, on tables written by hand."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from cmgplan.study.kinds import STUDY_SYSTEMS
from cmgplan.study.view import StudyView, duration_curves

HEADER = "task,case,day,scenario,options,way,hour,home,import_kw,export_kw\n"


def view(folder: Path, system: str, rows: str) -> StudyView:
    """Return a study of two tasks, of which the second counts three times."""
    (folder / "exchange.csv").write_text(HEADER + rows)
    tasks = pd.DataFrame(
        {"task": ["t", "u"], "case": "c", "state": "done", "way": "c", "weight": [1.0, 3.0]}
    )
    return StudyView(folder, {"cases": [{"name": "c"}]}, STUDY_SYSTEMS[system], tasks)


def test_each_way_of_a_market_has_a_curve_of_its_own(tmp_path: Path) -> None:
    rows = (
        "t,c,,,,A+B,0,A,5,0\nt,c,,,,A+B,0,B,0,2\nt,c,,,,A,0,A,7,0\n"
        "u,c,,,,A+B,0,A,1,0\nu,c,,,,A+B,0,B,0,4\nu,c,,,,A,0,A,9,0\n"
    )
    together, alone = duration_curves(view(tmp_path, "market", rows))
    assert (together.way, alone.way) == ("A+B", "A")
    assert list(together.kw) == [3.0, -3.0]
    assert list(together.share) == pytest.approx([0.25, 1.0])
    assert list(alone.kw) == [9.0, 7.0]
    assert list(alone.share) == pytest.approx([0.75, 1.0])


def test_an_optimum_has_one_curve(tmp_path: Path) -> None:
    (curve,) = duration_curves(view(tmp_path, "optimum", "t,c,,,,optimum,0,A,5,1\n"))
    assert (curve.way, list(curve.kw)) == ("c", [4.0])
