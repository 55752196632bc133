"""Fronts where an objective has no range, against every schedule of a case of three hours."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest
from enumeration import Enumeration, optimum
from plans import quick

from cmgplan.network.feeder import build_feeder
from cmgplan.planning.case import Case, check_case, load_case
from cmgplan.planning.levels.front import solve_front
from cmgplan.planning.levels.front_points import Front
from cmgplan.planning.levels.level4 import GridConnection
from cmgplan.planning.levels.selection import select_point
from cmgplan.planning.levels.trade import NEGLIGIBLE, trade_of
from cmgplan.planning.model.switches import SwitchHours, allow
from cmgplan.planning.switch_search.schedules import SwitchSchedule
from cmgplan.planning.tables import pareto_table
from cmgplan.search.epsilon import Range

DATA = Path(__file__).parents[1] / "data" / "three-hours"
GAP = 0.01
LOCAL = 2e-3
"""Share of a range by which two local optima may differ where a cap is steep."""

USUAL = ("decomposition", "diagonal")
NAMES = {"gc_usd", "ec_usd", "loss_kwh"}

ABSENT = {"clean": "ec_usd", "free": "gc_usd", "lossless": "loss_kwh"}
"""What takes the range of which objective."""


def variant(*kinds: str) -> Path:
    """Write the case without emission prices, energy prices, or resistances."""
    folder = Path(mkdtemp()) / "case"
    shutil.copytree(DATA, folder)
    if "clean" in kinds:
        edit(folder / "case.toml", r"co2 = [\d.]+", "co2 = 0.0")
    if "free" in kinds:
        edit(folder / "profiles.csv", r"(?m)^(\d),\d+,", r"\1,0,")
    if "lossless" in kinds:
        edit(folder / "lines.csv", r"(?m)^(\w+,\d,\d),[\d.]+,", r"\1,0,")
        edit(folder / "case.toml", r"r_ohm = [\d.]+", "r_ohm = 0.0")
    return folder


def edit(path: Path, pattern: str, by: str) -> None:
    text, count = re.subn(pattern, by, path.read_text(encoding="utf-8"))
    assert count
    path.write_text(text, encoding="utf-8")


def one_hour_of_ties(case: Case) -> SwitchHours:
    """Let every PCC close, and ties in hour 1 alone: eight schedules are worth trying."""
    mask = {s: hours.copy() for s, hours in allow(case, ("grid",)).items()}
    for tie in case.ties:
        mask[tie.id][1] = True
    return mask


@cache
def swept(
    kinds: tuple[str, ...], minlp: str, sweep: str
) -> tuple[Front, GridConnection, Sequence[SwitchSchedule]]:
    case = load_case(variant(*kinds))
    options = quick(case, points=3, minlp=minlp, sweep=sweep, time_limit_s=20.0)
    mask = one_hour_of_ties(case)
    connection = GridConnection(case, options, build_feeder(case), mask)
    front = solve_front(connection, options, lambda *told: None)
    return front, connection, list(Enumeration(case, options, mask))


ASKED = [
    (("clean",), "decomposition", "diagonal"),
    (("clean",), "highs", "diagonal"),
    (("free",), "decomposition", "diagonal"),
    (("lossless",), "highs", "grid"),
    (("lossless",), "decomposition", "diagonal"),
    (("clean", "free"), "decomposition", "diagonal"),
    (("clean", "lossless"), "highs", "diagonal"),
    (("clean", "free", "lossless"), "decomposition", "grid"),
]

ROLES: Mapping[tuple[str, ...], tuple[str, tuple[str, ...]]] = {
    ("clean",): ("gc_usd", ("loss_kwh",)),
    ("free",): ("ec_usd", ("loss_kwh",)),
    ("lossless",): ("ec_usd", ("gc_usd",)),
    ("clean", "free"): ("loss_kwh", ()),
    ("clean", "lossless"): ("gc_usd", ()),
    ("clean", "free", "lossless"): ("gc_usd", ()),
}


@pytest.mark.parametrize(("kinds", "minlp", "sweep"), ASKED)
def test_points_are_least_in_what_has_a_range(
    kinds: tuple[str, ...], minlp: str, sweep: str
) -> None:
    """Each is, to within its gap, the best of all schedules under its caps, and its bound holds."""
    front, connection, schedules = swept(kinds, minlp, sweep)
    goal, stepped = ROLES[kinds]
    assert (front.trade.minimised, front.trade.stepped) == (goal, stepped)
    assert set(front.trade.flat) >= {ABSENT[kind] for kind in kinds}
    assert len(front.points) == (3 if stepped else 1)
    unit = front.trade.gap_unit(front.payoff.ranges)
    for point in front.points:
        best = optimum(connection, schedules, {goal: 1.0}, point.caps)
        assert best is not None
        assert point.operation is not None
        assert point.bound is not None
        least, value = best.value(goal), point.operation.value(goal)
        assert point.bound <= least + 1e-4
        assert least - LOCAL * unit <= value <= least + GAP * unit
        assert point.gap == pytest.approx(max(value - point.bound, 0.0) / unit, abs=1e-12)
        for name, cap in point.caps.items():
            assert point.operation.value(name) <= cap + 1e-6


@pytest.mark.parametrize("kinds", [("clean",), ("free",), ("lossless",)])
def test_a_front_over_two_objectives_spans_both_of_their_ranges(kinds: tuple[str, ...]) -> None:
    front, _, _ = swept(kinds, *USUAL)
    goal, (stepped,) = ROLES[kinds]
    table = np.asarray([[p.operation.value(n) for n in (goal, stepped)] for p in front.points])
    assert (np.diff(table[:, 0]) < 0.0).all()
    assert (np.diff(table[:, 1]) > 0.0).all()
    for name, ends in ((goal, table[[-1, 0], 0]), (stepped, table[[0, -1], 1])):
        found = front.payoff.ranges[name]
        assert ends == pytest.approx([found.min, found.max], abs=0.02 * found.width)


def test_memberships_count_objectives_with_a_range_alone() -> None:
    front, _, _ = swept(("clean",), *USUAL)
    case = load_case(variant("clean"))
    chosen = select_point(front, quick(case, points=3))
    assert chosen.memberships[:, 1] == pytest.approx(np.ones(3))
    assert chosen.memberships[:, 0] == pytest.approx([0.0, chosen.memberships[1, 0], 1.0])
    assert chosen.memberships[:, 2] == pytest.approx([1.0, chosen.memberships[1, 2], 0.0])
    table = pareto_table(front, chosen)
    assert table["minimised"].tolist() == ["gc_usd"] * 3
    assert table["bound_ec_usd"].isna().all()
    assert (table["bound"] <= table["gc_usd"] + 1e-6).all()
    assert (table["gc_usd"] <= table["eps_gc_usd"]).all()
    assert (table["ec_usd"] <= table["eps_ec_usd"]).all()


def test_noise_between_points_is_no_membership() -> None:
    """Points that differ by less than a cent of cost are not told apart by it."""
    front, _, _ = swept((), *USUAL)
    (point, *_) = front.points
    assert point.operation is not None
    near = [
        point.operation.__class__(**{**vars(point.operation), "gc_usd": cost, "ec_usd": emission})
        for cost, emission in ((100.0, 9.0), (100.004, 8.0), (99.998, 7.0))
    ]
    points = [
        _with_operation(point, number, operation) for number, operation in enumerate(near, start=1)
    ]
    case = load_case(DATA)
    chosen = select_point(Front(front.payoff, points), quick(case, points=3))
    assert chosen.memberships[:, 0] == pytest.approx(np.ones(3))
    assert chosen.number == 3


def _with_operation(point: object, number: int, operation: object) -> object:
    from dataclasses import replace

    answer = replace(point.answer, operation=operation)  # type: ignore[attr-defined]
    return replace(point, number=number, answer=answer)  # type: ignore[type-var]


def test_three_objectives_are_traded_as_before() -> None:
    front, _, _ = swept((), *USUAL)
    assert front.trade.note() is None
    assert (front.trade.minimised, front.trade.stepped) == ("ec_usd", ("gc_usd", "loss_kwh"))
    assert {p.minimised for p in front.points} == {"ec_usd"}
    assert all(
        p.bound_ec_usd == p.bound and set(p.caps) == NAMES - {"ec_usd"} for p in front.points
    )


@pytest.mark.parametrize("name", sorted(NEGLIGIBLE))
def test_a_range_counts_from_what_is_negligible_on(name: str) -> None:
    wide = dict.fromkeys(NEGLIGIBLE, Range(5.0, 9.0))
    for width, flat in ((0.99 * NEGLIGIBLE[name], (name,)), (1.01 * NEGLIGIBLE[name], ())):
        assert trade_of({**wide, name: Range(5.0, 5.0 + width)}).flat == flat


@pytest.mark.parametrize("kinds", [("clean",), ("free",), ("lossless",)])
def test_what_can_have_no_range_is_told_before(kinds: tuple[str, ...]) -> None:
    told = [str(f) for f in check_case(variant(*kinds)) if f.severity == "warning"]
    words = {"clean": "emission cost has no range", "free": "generation cost has no range"}
    assert sum(words.get(kinds[0], "losses have no range") in text for text in told) == 1
    assert check_case(DATA) == []
