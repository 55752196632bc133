"""Why a level has no schedule: limits, hours and amounts, by hand and by mending the case.

What is named is put into the case: the whole of it lets the case be planned, 90 % of it does not.
HiGHS on the whole mixed-integer problem judges, which shares nothing with the search for what
gives.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from factories import DELETE
from plans import EVERY_KIND, connect, quick, small
from test_switches import FOUR_HOURS, alternating, microgrid, tied, triangle

from cmgplan.errors import InfeasibleError
from cmgplan.explanation import Explanation, GivingLimit, Way
from cmgplan.network.feeder import build_feeder
from cmgplan.planning.case import Case, load_case
from cmgplan.planning.case.records import PlanOptions
from cmgplan.planning.levels.front import solve_front
from cmgplan.planning.levels.islanded import first_mask, solve_islanded
from cmgplan.planning.model.switches import SwitchHours, allow
from cmgplan.planning.why.explain import explain_grid, explain_islanded
from cmgplan.planning.why.mend import mended

THIN_LINES = "line,from_bus,to_bus,r_ohm,x_ohm,rating_kva\nL1,1,2,2.0,2.0,{}\nL2,2,3,2.0,2.0,\n"
WEAK_LINES = "line,from_bus,to_bus,r_ohm,x_ohm\nL1,1,2,60.0,60.0\nL2,2,3,2.0,2.0\n"


def explained(
    case: Case, options: PlanOptions | None = None, mask: SwitchHours | None = None
) -> Explanation:
    """Return why Level 4 has no schedule, every switch free unless a mask is given."""
    found = explain_grid(
        case,
        quick(case) if options is None else options,
        build_feeder(case),
        allow(case, EVERY_KIND) if mask is None else mask,
    )
    assert found is not None
    return found


def only(way: Way) -> GivingLimit:
    (limit,) = way.limits
    return limit


def way_of(found: Explanation, kind: str) -> Way:
    return next(way for way in found.ways if [limit.kind for limit in way.limits] == [kind])


def planned(
    case: Case, options: PlanOptions | None = None, mask: SwitchHours | None = None
) -> bool:
    """Whether Level 4 has a schedule, in AC; where it has none that is proven."""
    chosen = quick(case, time_limit_s=20.0) if options is None else options
    highs = chosen.model_copy(update={"minlp": "highs"})
    answer = connect(case, highs, mask).minimise({"gc_usd": 1.0}, {}, label="mended")
    assert answer.infeasible == (answer.operation is None), answer.reason
    return answer.operation is not None


def assert_least(case: Case, way: Way, mask: SwitchHours | None = None) -> None:
    """What gives is enough, and 90 % of it is not."""
    assert "does not suffice: proved" in way.told
    assert "enough for Level 4, shown by an AC operation" in way.told
    assert planned(mended(case, way.limits), mask=mask)
    assert not planned(mended(case, way.limits, 0.9), mask=mask)


def without_load(case: Case, mg: str, kw: float) -> Case:
    """Return the case with less load in a microgrid whose only load has no profile."""
    microgrids = tuple(
        one.model_copy(
            update={
                "load": tuple(
                    load.model_copy(update={"p_kw": load.p_kw - kw, "q_kvar": 0.0})
                    for load in one.load
                )
            }
        )
        if one.id == mg
        else one
        for one in case.microgrids
    )
    return replace(case, file=case.file.model_copy(update={"microgrid": microgrids}))


# (a), (b): too little source and connection


def short_of_power(folder: Path) -> Case:
    """A has 100 kW of load, a turbine of 30 kW and a connection of 40 kVA: 30 kW are missing."""
    return tied(folder, [microgrid("A", 100, 30)], [], **{"microgrid.0.pcc.rating_kva": 40.0})


def test_load_over_source_and_connection(tmp_path: Path) -> None:
    case = short_of_power(tmp_path)
    found = explained(case)
    assert [[limit.kind for limit in way.limits] for way in found.ways] == [["pcc"], ["load"]]
    rating, load = (only(way) for way in found.ways)
    assert (rating.place, rating.hours, rating.now, rating.unit) == ("PA", (0,), 40.0, "kVA")
    assert rating.amount == pytest.approx(30.0, abs=0.011)
    assert_least(case, found.ways[0])
    assert (load.place, load.hours, load.unit) == ("A", (0,), "kW")
    assert load.amount == pytest.approx(30.0, abs=0.011)
    assert planned(without_load(case, "A", load.amount))
    assert not planned(without_load(case, "A", 0.9 * load.amount))


def test_rating_of_one_hour_is_named_with_that_hour(tmp_path: Path) -> None:
    """MG2 lacks 48 kW in hour 3: 72 kW of load less 12 kW of sun and 12 kW of wind."""
    edits = {"microgrid.1.pcc.rating_kva": 30.0, "tie": [], "microgrid.0.ev": []}
    case = small(tmp_path, edits)
    found = explained(case)
    limit = only(found.ways[0])
    assert (limit.kind, limit.place, limit.hours, limit.now) == ("pcc", "PCC2", (3,), 30.0)
    assert limit.amount == pytest.approx(18.0, abs=0.011)
    assert_least(case, found.ways[0])
    assert only(way_of(found, "load")).hours == (3,)
    assert str(limit).startswith("hour 3: rating of PCC2, which connects microgrid MG2 to bus 3:")


def test_every_single_limit_that_suffices_is_named(tmp_path: Path) -> None:
    """C has power to spare: its tie or A's own connection may grow."""
    case = tied(
        tmp_path,
        [microgrid("A", 100, 0), microgrid("C", 0, 200)],
        [("A", "C")],
        **{"microgrid.0.pcc.rating_kva": 50.0},
    )
    found = explained(case)
    # Tie 40 kVA and connection 50 kVA cannot both be closed beside C's connection: a loop.
    assert {only(way).kind for way in found.ways[:2]} == {"pcc", "tie"}
    amounts = {only(way).place: only(way).amount for way in found.ways[:2]}
    # A takes 90 kVA over both where C's connection stays open, so that either lacks 10.
    assert amounts == {"A-C": pytest.approx(10.0, abs=0.011), "PA": pytest.approx(10.0, abs=0.011)}
    for way in found.ways[:2]:
        assert_least(case, way)


def test_several_limits_that_are_all_needed(tmp_path: Path) -> None:
    case = tied(
        tmp_path,
        [microgrid("A", 100, 0), microgrid("B", 80, 0)],
        [],
        **{"microgrid.0.pcc.rating_kva": 70.0, "microgrid.1.pcc.rating_kva": 60.0},
    )
    found = explained(case)
    amounts = {limit.place: limit.amount for limit in found.ways[0].limits}
    assert amounts == {"PA": pytest.approx(30.0, abs=0.011), "PB": pytest.approx(20.0, abs=0.011)}
    assert_least(case, found.ways[0])
    for place in amounts:  # none can be spared
        others = [limit for limit in found.ways[0].limits if limit.place != place]
        assert not planned(mended(case, others))
    assert found.lines()[1].startswith("and ")


# (c), (d): the feeder


def test_rating_of_a_line(tmp_path: Path) -> None:
    edits = {"microgrid.2.load.0.p_kw": 160.0, "microgrid.0.ev": [], "tie": []}
    case = small(tmp_path, edits, lines=THIN_LINES.format(20))
    found = explained(case)
    limit = only(found.ways[0])
    assert (limit.kind, limit.place, limit.now, limit.unit) == ("branch", "L1", 20.0, "kVA")
    assert limit.amount > 50.0  # MG3 alone draws 70 kW through it
    assert "rating of line L1 from bus 1 to 2" in str(limit)
    assert_least(case, found.ways[0])


def test_least_voltage(tmp_path: Path) -> None:
    """70 kW come over 62 ohm at 15 kV; the other microgrids stay away."""
    edits = {"microgrid.2.load.0.p_kw": 160.0, "microgrid.0.ev": [], "tie": []}
    buses = "bus,p_kw,q_kvar,vn_kv,v_min_pu\n1,0,0,15,\n2,0,0,15,\n3,0,0,15,0.985\n"
    edits |= {"microgrid.0.mt.0.p_max_kw": 200.0, "microgrid.0.load.0.q_kvar": 0.0}
    edits |= {"microgrid.1.load": [], "network.load_profile": DELETE}
    case = small(tmp_path, edits, lines=WEAK_LINES, buses=buses)
    mask = {**allow(case, ()), "PCC3": np.ones(4, dtype=bool)}
    found = explained(case, mask=mask)
    limit = only(found.ways[0])
    assert (limit.kind, limit.place, limit.now, limit.unit) == ("v_min", "3", 0.985, "pu")
    # x = r here and Q = 0: V solves (V^2 + r P)^2 + (r P)^2 = V^2, with r P = 62 / 225 * 0.07.
    drop = 62.0 / 225.0 * 0.07
    a, b = 2.0 * drop - 1.0, 2.0 * drop**2
    expected = np.sqrt(0.5 * (-a + np.sqrt(a**2 - 4.0 * b)))
    assert limit.now + limit.amount == pytest.approx(expected, abs=2e-5)
    assert_least(case, found.ways[0], mask)


def test_voltage_limit_of_a_bus_without_microgrid(tmp_path: Path) -> None:
    """The relaxation of the search leaves out such buses; what explains does not."""
    buses = "bus,p_kw,q_kvar,vn_kv,v_min_pu\n1,0,0,15,\n2,0,0,15,0.985\n3,0,0,15,\n"
    needs = [{**microgrid("A", 100, 0), "bus": "3"}]
    case = tied(tmp_path, needs, [])
    (case.folder / "buses.csv").write_text(buses)
    (case.folder / "lines.csv").write_text(WEAK_LINES)
    case = load_case(case.folder)
    found = explained(case)
    limit = only(way_of(found, "v_min"))
    assert (limit.place, limit.now) == ("2", 0.985)
    eased = mended(case, [limit])
    assert connect(eased).minimise({"gc_usd": 1.0}, {}, label="mended").operation is not None
    tight = mended(case, [limit], 0.9)
    assert connect(tight).minimise({"gc_usd": 1.0}, {}, label="mended").operation is None
    with pytest.raises(InfeasibleError, match="least voltage of bus 2"):
        solve_front(connect(case), quick(case), lambda *told: None)


# (f): vehicles at the islanded levels


def fleet_alone(folder: Path, **more: object) -> Case:
    """MG1 has a fleet, a load and nothing else, and the fleet leaves with 40 kWh in hour 2."""
    edits = {
        "microgrid.0.mt": [],
        "microgrid.0.storage": [],
        "microgrid.0.ev.0.depart_hour": 2,
        "microgrid.0.ev.0.soc_departure": 0.8,
    }
    return small(folder, {**edits, **more})


def test_fleet_that_cannot_be_charged(tmp_path: Path) -> None:
    """It starts with 25 kWh, needs 40 at departure, drives 10 and must end with 25."""
    case = fleet_alone(tmp_path)
    with pytest.raises(InfeasibleError, match="Level 1: ") as raised:
        solve_islanded(case, quick(case), 1, first_mask(case, quick(case)))
    found = raised.value.explanation
    assert found is not None
    limits = {limit.kind: limit for limit in found.ways[0].limits}
    assert set(limits) == {"departure", "soc_end"}
    assert {kind: limit.place for kind, limit in limits.items()} == dict.fromkeys(
        limits, "MG1 cars"
    )
    assert (limits["departure"].hours, limits["departure"].now) == ((1,), 40.0)
    assert limits["departure"].amount == pytest.approx(-15.0, abs=0.011)
    assert (limits["soc_end"].hours, limits["soc_end"].now) == ((3,), 25.0)
    assert limits["soc_end"].amount == pytest.approx(-10.0, abs=0.011)


def test_a_fleet_that_asks_for_less_can_be_planned(tmp_path: Path) -> None:
    """With eq. (14) as printed the end of the day asks for nothing: departure alone gives."""
    case = fleet_alone(tmp_path)
    options = quick(case, soc_balance="power")
    mask = first_mask(case, options)
    found = explain_islanded(case, options, 1, mask)
    assert found is not None
    limit = only(found.ways[0])
    assert (limit.kind, limit.unit) == ("departure", "kWh")
    assert limit.amount == pytest.approx(-15.0, abs=0.011)
    eased = solve_islanded(mended(case, [limit]), options, 1, mask)
    assert eased.operation.soc_kwh["MG1", "cars"][1] == pytest.approx(25.0, abs=0.02)
    with pytest.raises(InfeasibleError, match="departure"):
        solve_islanded(mended(case, [limit], 0.9), options, 1, mask)


def test_reactive_power_that_cannot_be_absorbed(tmp_path: Path) -> None:
    edits = {"microgrid.1.svc.0.q_min_kvar": 45.0, "microgrid.1.svc.0.q_max_kvar": 50.0}
    case = small(tmp_path, {**edits, "microgrid.0.ev": []})
    found = explain_islanded(case, quick(case), 1, first_mask(case, quick(case)))
    assert found is not None
    limit = only(found.ways[0])
    assert (limit.kind, limit.place, limit.hours[0]) == ("absorption", "MG2", 3)
    # Hour 3 serves 24 of 72 kW, which takes a third of 18 kvar; so does the wind turbine at 12 kW.
    wind = 12.0 * np.tan(np.arccos(0.95))
    assert limit.amount == pytest.approx(45.0 - 6.0 - wind, abs=0.011)
    eased = mended(case, [limit])
    assert solve_islanded(eased, quick(case), 1, first_mask(case, quick(case))).level == 1
    with pytest.raises(InfeasibleError):
        solve_islanded(mended(case, [limit], 0.9), quick(case), 1, first_mask(case, quick(case)))


# (g): switch operations


def test_operation_limit(tmp_path: Path) -> None:
    """A needs 30 kW in hours 0, 2, 3 and gets them over a tie that is open at first."""
    case = alternating(tmp_path)
    mask = allow(case, ("microgrid",))
    options = quick(case, operation_limit=0)
    found = explained(case, options, mask)
    limit = only(found.ways[0])
    assert (limit.kind, limit.now, limit.amount) == ("operations", 0.0, 1.0)
    assert "operation_limit" in limit.limit and "A-B" in limit.limit
    assert str(limit).endswith("0 would have to be 1 (+1)")
    assert "does not suffice: proved" in found.ways[0].told
    assert planned(case, quick(case, operation_limit=1, time_limit_s=20.0), mask)
    assert not planned(case, options, mask)
    load = only(way_of(found, "load"))
    assert (load.place, load.hours) == ("A", (0, 2, 3))
    assert load.amount == pytest.approx(30.0, abs=0.011)


# (h): radial operation


def test_a_forest_that_does_not_suffice(tmp_path: Path) -> None:
    """A needs 80 kW; one tie carries 40, the way round by B another 40 that would be a loop."""
    case = triangle(tmp_path)
    mask = allow(case, ("microgrid",))
    found = explained(case, mask=mask)
    limit = only(found.ways[0])
    assert (limit.kind, limit.place) == ("tie", "A-C")
    assert limit.amount == pytest.approx(40.0, abs=0.011)
    assert_least(case, found.ways[0], mask)
    assert any("radial = false" in option for option in found.options)
    assert any('hierarchy = "joint"' in option for option in found.options)
    assert planned(case, quick(case, radial=False), mask)
    assert "instead: switches may form loops (radial = false)" in found.lines()


# (i): reactive power


def test_reactive_power(tmp_path: Path) -> None:
    """MG3's turbine serves its 60 kW; 40 kvar must come through a connection of 10 kVA."""
    edits = {
        "microgrid.2.load.0.q_kvar": 40.0,
        "microgrid.2.pcc.rating_kva": 10.0,
        "microgrid.0.ev": [],
        "tie": [],
    }
    case = small(tmp_path, edits)
    found = explained(case)
    assert {only(way).kind for way in found.ways} == {"pcc", "reactive", "load"}
    for kind, unit in (("pcc", "kVA"), ("reactive", "kvar")):
        limit = only(way_of(found, kind))
        assert (limit.hours, limit.unit) == ((0, 1, 2, 3), unit)
        assert limit.amount == pytest.approx(30.0, abs=0.011)
        assert_least(case, way_of(found, kind))


# Masks, and what is not infeasible


def test_a_connection_that_may_not_close_is_named(tmp_path: Path) -> None:
    case = tied(tmp_path, [microgrid("A", 100, 90, "need")], [], profiles=FOUR_HOURS)
    found = explained(case, mask=allow(case, ()))
    limit = only(found.ways[0])
    assert (limit.kind, limit.place, limit.hours) == ("load", "A", (0, 2, 3))
    assert limit.amount == pytest.approx(10.0, abs=0.011)
    assert "PA may not close in hours 0, 2, 3, as Level 3 left nothing over there" in found.notes
    assert found.options == ('every switch may close in every hour (hierarchy = "joint")',)


def test_a_case_with_a_schedule_is_not_explained(tmp_path: Path) -> None:
    case = small(tmp_path)
    feeder, mask = build_feeder(case), allow(case, EVERY_KIND)
    assert explain_grid(case, quick(case), feeder, mask) is None
    assert explain_islanded(case, quick(case), 1, first_mask(case, quick(case))) is None


def test_the_front_raises_with_the_explanation_whatever_the_search_says(tmp_path: Path) -> None:
    """Each search proves this or only stops; the limits are named all the same."""
    case = short_of_power(tmp_path)
    for minlp in ("decomposition", "highs", "bonmin"):
        options = quick(case, minlp=minlp)
        with pytest.raises(InfeasibleError, match=r"40\.00 kVA would have to be 70\.0") as raised:
            solve_front(connect(case, options), options, lambda *told: None)
        assert raised.value.explanation is not None
        assert str(raised.value).startswith("Level 4: there is no schedule that serves all load")


def rating(k: int, kind: str = "pcc", amount: float = 5.0) -> GivingLimit:
    return GivingLimit(kind, f"rating of P{k}", f"P{k}", (k,), 10.0 + k, amount, "kVA")


def test_a_long_message_counts_what_it_leaves_out() -> None:
    limits = tuple(rating(k) for k in range(14))
    found = Explanation("Level 4", "nothing", (Way(limits, "proved"),))
    lines = found.message().splitlines()
    assert len(lines) == 12
    assert lines[-1] == "  and 5 more lines"
    assert lines[1] == "  hour 0: rating of P0: 10.00 kVA would have to be 15.00 kVA (+5.00 kVA)"
    assert lines[2].startswith("  and hour 1: rating of P1: 11.00 kVA")


def test_many_limits_of_a_kind_are_told_by_the_largest() -> None:
    alike = [
        GivingLimit("v_min", f"least voltage of bus {k}", str(k), (3,), 0.95, -0.001 * k, "pu")
        for k in range(1, 21)
    ]
    first, second, rest, other = Explanation("", "", (Way((*alike, rating(1))),)).lines()
    assert "bus 20" in first and "0.95000 pu would have to be 0.93000 pu (-0.02000 pu)" in first
    assert "bus 19" in second
    assert rest.startswith("and 18 limits like these, which give less: 18, 17, 16, ")
    assert rest.endswith(" and 6 more")
    assert "rating of P1" in other
