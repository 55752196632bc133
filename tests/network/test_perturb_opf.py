"""A few of the random perturbations of the optimal power flow, and the table of what became."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2] / "scripts"))
perturb = importlib.import_module("perturb_opf")

COUNT, SEED = 6, 3


@pytest.mark.slow
def test_every_perturbation_is_answered_or_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "perturbed.csv"
    rows = perturb.run(COUNT, SEED, 1, out)
    assert [row.number for row in rows] == list(range(COUNT))
    assert all(row.sound for row in rows)
    theirs = np.array([float(v) for row in rows for v in row.runopp_cost_usd.split()])
    ours = np.array([float(v) for row in rows for v in row.single_cost_usd.split()])
    assert len(ours) == perturb.SINGLE_HOURS * COUNT
    assert np.isfinite(ours[np.isfinite(theirs)]).all()
    both = np.isfinite(ours) & np.isfinite(theirs)
    assert both.sum() >= COUNT
    # runopp stops at a looser tolerance, which costs at most a cent here
    np.testing.assert_allclose(ours[both], theirs[both], rtol=1e-4, atol=1e-2)

    monkeypatch.setattr(perturb, "solved", lambda seed, number: pytest.fail("solved twice"))
    again = perturb.run(COUNT, SEED, 1, out)
    assert [replace(row, cost_usd=0.0, replay_max_dv_pu=0.0) for row in again] == [
        replace(row, cost_usd=0.0, replay_max_dv_pu=0.0) for row in rows
    ]


def test_perturbations_repeat_and_differ() -> None:
    one, same, other = (perturb.perturbed(SEED, number) for number in (0, 0, 1))
    assert np.array_equal(one.horizon.p_load_pu, same.horizon.p_load_pu)
    assert np.array_equal(one.grid.branches.r_pu, same.grid.branches.r_pu)
    assert not np.array_equal(one.grid.branches.r_pu, other.grid.branches.r_pu)


def test_perturbations_stay_in_their_ranges() -> None:
    whole, day, buses = perturb.given_network()
    for number in range(20):
        drawn = perturb.perturbed(SEED, number)
        factor = drawn.horizon.p_load_pu[day.p_load_pu > 0] / day.p_load_pu[day.p_load_pu > 0]
        assert factor.min() >= 0.3 - 1e-9 and factor.max() <= 1.6 + 1e-9
        price = drawn.horizon.price_usd_per_mwh[:, 0]
        assert price.min() >= -50.0 and price.max() <= 300.0
        for kind in ("r_pu", "x_pu"):
            share = getattr(drawn.grid.branches, kind) / getattr(whole.branches, kind)
            assert share.min() >= 0.7 and share.max() <= 1.3
        assert drawn.horizon.available[:, 1:].max() <= 1.5
        assert len(drawn.flexible.stores) == len(buses) - drawn.missing
        assert len(drawn.grid.generators) == 1 + len(drawn.flexible.stores)


def row(**changed: object) -> object:
    given = {
        "number": 0,
        "load_level": 1.0,
        "missing": 0,
        "status": "locally optimal",
        "rung": "flat start",
        "iterations": 20,
        "seconds": 1.0,
        "cost_usd": 5.0,
        "replay_max_dv_pu": 1e-9,
        "explanation": "",
        "hours": "1 2",
        "single_status": "locally optimal; proven infeasible",
        "single_cost_usd": "10 nan",
        "runopp_cost_usd": "20 30",
    }
    return perturb.Row(**{**given, **changed})


@pytest.mark.parametrize(
    "changed",
    [
        {"replay_max_dv_pu": 2e-6},
        {"replay_max_dv_pu": float("nan")},
        {"status": "locally infeasible"},
        {"status": "limit", "explanation": "too long"},
    ],
)
def test_what_is_unsound_is_told_apart(changed: dict[str, object]) -> None:
    assert row().sound
    assert not row(**changed).sound
    assert "| anything else | 1 |" in perturb.table([row(), row(**changed)])


def test_the_table_counts_both_programs() -> None:
    text = perturb.table([row(), row(status="proven infeasible", explanation="why", cost_usd=0.0)])
    assert "| proven infeasible, explained | 1 |" in text
    assert "| solved by runopp and not by cmgplan | 2 |" in text
    assert "| cmgplan cheaper | 2 |" in text
    assert "| infeasible according to cmgplan, of these proven | 2, 2 |" in text
