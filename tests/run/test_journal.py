"""What is left of a plan that does not finish."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cmgplan.cli import console
from cmgplan.errors import LimitError
from cmgplan.planning.case import load_case
from cmgplan.planning.pipeline import plan
from cmgplan.run.journal import journal_path, kept

CASE = Path(__file__).parents[2] / "cases" / "two-bus"


def test_the_front_so_far_is_told_after_each_point(tmp_path: Path) -> None:
    case = load_case(CASE)
    told: list[dict[str, object]] = []
    result = plan(case, case.options.model_copy(update={"points": 3}), journal=told.append)
    assert [len(front["points"]) for front in told] == [1, 2, 3]  # type: ignore[arg-type]
    last = json.loads(json.dumps(told[-1], allow_nan=False))
    for point, row in zip(last["points"], result.tables["pareto"].itertuples(), strict=True):
        assert point["values"]["gc_usd"] <= point["caps"]["gc_usd"] + 1e-6
        assert point["bound_ec_usd"] == pytest.approx(row.bound_ec_usd)
        closed = result.points[point["point"]]["switch_schedule"].query("closed == 1")
        hours = closed.groupby("switch")["hour"].apply(sorted).to_dict()
        assert {s: h for s, h in point["closed"].items() if h} == hours


def test_a_journal_stays_only_if_the_plan_does_not_finish(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    with kept(out, console.warn) as journal:
        journal.write({"points": [1]})
        assert journal_path(out).exists()
    assert not journal_path(out).exists()
    with pytest.raises(LimitError), kept(out, console.warn) as journal:
        journal.write({"points": [1, 2]})
        raise LimitError("no time left")
    assert json.loads(journal_path(out).read_text(encoding="utf-8")) == {"points": [1, 2]}
    assert "points so far (2)" in capsys.readouterr().err
    with pytest.raises(LimitError), kept(out, console.warn):
        raise LimitError("at once")
    assert list(tmp_path.iterdir()) == []
