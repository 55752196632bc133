"""``cases/two-homes`` by hand against a small linear program that is written apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import two_homes
from scipy.optimize import linprog
from two_homes import ByHand

from cmgplan.arrays import FloatArray
from cmgplan.homes.case.read import check_homes, load_homes
from cmgplan.homes.case.records import HomesCase

NAMES = ("fuel", "boiler", "bought", "sold", "charge", "discharge", "up", "down", "dumped")
HOURS = 3


@dataclass(frozen=True)
class Answer:
    cost: float
    emission_kg: float
    kw: dict[str, FloatArray]


@pytest.fixture(scope="module")
def case() -> HomesCase:
    return load_homes("two-homes")


def solved(case: HomesCase, homes: str, weight: float = 0.0, tilt: float = 0.0) -> Answer:
    """Return the least cost of a group of homes with an emission price, EUR/kg.

    ``tilt`` adds a small cost to every variable in turn, which moves an optimum that is not
    unique.
    """
    a, b = (1.0 if home in homes else 0.0 for home in "AB")
    p, at = case.profiles, {name: HOURS * k for k, name in enumerate(NAMES)}
    buy, sell = p["buy_per_kwh"], p["sell_per_kwh"]
    flats = b * p["flats_kw"]
    heat = a * p["heating_a_kw"] + b * p["heating_b_kw"]
    size = HOURS * len(NAMES)
    money, kg = np.zeros(size), np.zeros(size)
    upper = np.full(size, np.inf)
    for t in range(HOURS):
        for name, cost, emission, most in (
            ("fuel", 0.04, 0.2, 50.0 * a),
            ("boiler", 0.04 / 0.8, 0.2 / 0.8, 30.0 * b),
            ("bought", buy[t], 0.4, np.inf),
            ("sold", -sell[t], 0.0, np.inf),
            ("charge", 0.0, 0.0, 5.0 * b),
            ("discharge", 0.0, 0.0, 5.0 * b),
            ("up", 0.0, 0.0, 5.0 * b),
            ("down", 0.05, 0.0, 0.1 * flats[t]),
            ("dumped", 0.0, 0.0, np.inf),
        ):
            k = at[name] + t
            money[k], kg[k], upper[k] = cost, emission, most
    equal, level, at_most, limit = [], [], [], []
    for t in range(HOURS):
        power, warmth = np.zeros(size), np.zeros(size)
        for name, sign in (("bought", 1), ("sold", -1), ("charge", -1), ("discharge", 1)):
            power[at[name] + t] = sign
        power[at["fuel"] + t], power[at["up"] + t], power[at["down"] + t] = 0.4, -1.0, 1.0
        warmth[at["fuel"] + t], warmth[at["boiler"] + t], warmth[at["dumped"] + t] = 0.4, 1.0, -1.0
        equal += [power, warmth]
        level += [flats[t], heat[t]]
        stored = np.zeros(size)
        stored[at["charge"] : at["charge"] + t + 1] = 0.8
        stored[at["discharge"] : at["discharge"] + t + 1] = -1.0
        at_most += [stored, -stored]
        limit += [4.0, 0.0]
    moved = np.zeros(size)
    moved[at["up"] : at["up"] + HOURS], moved[at["down"] : at["down"] + HOURS] = 1.0, -1.0
    lean = tilt * np.sin(1.0 + 5.0 * np.arange(size))
    found = linprog(
        money + weight * kg + lean,
        A_ub=np.array(at_most),
        b_ub=limit,
        A_eq=np.array([*equal, moved]),
        b_eq=[*level, 0.0],
        bounds=[(0.0, most) for most in upper],
    )
    assert found.status == 0
    kw = {name: found.x[at[name] : at[name] + HOURS] for name in NAMES}
    return Answer(float(money @ found.x), float(kg @ found.x), kw)


@pytest.mark.parametrize(
    ("homes", "weight", "hand"),
    [
        ("A", 0.0, two_homes.ALONE_A),
        ("B", 0.0, two_homes.ALONE_B),
        ("AB", 0.0, two_homes.TOGETHER),
        ("A", 1.0, two_homes.WEIGHTED_ALONE_A),
        ("B", 1.0, two_homes.WEIGHTED_ALONE_B),
        ("AB", 1.0, two_homes.WEIGHTED_TOGETHER),
    ],
)
def test_cost_and_emission_by_hand(
    case: HomesCase, homes: str, weight: float, hand: ByHand
) -> None:
    answer = solved(case, homes, weight)
    assert answer.cost == pytest.approx(hand.cost, abs=1e-9)
    assert answer.emission_kg == pytest.approx(hand.emission_kg, abs=1e-9)


@pytest.mark.parametrize("tilt", [0.0, 1e-4, -1e-4])
def test_what_runs_in_each_hour_by_hand_is_the_only_optimum(case: HomesCase, tilt: float) -> None:
    kw = solved(case, "AB", tilt=tilt).kw
    for name, hand in (
        ("fuel", two_homes.FUEL_KW),
        ("boiler", two_homes.BOILER_HEAT_KW),
        ("bought", two_homes.BOUGHT_KW),
        ("sold", two_homes.SOLD_KW),
        ("up", two_homes.UP_KW),
        ("down", two_homes.DOWN_KW),
        ("dumped", two_homes.DUMPED_KW),
    ):
        assert kw[name] == pytest.approx(hand, abs=1e-9), name
    assert kw["discharge"] - kw["charge"] == pytest.approx(two_homes.BATTERY_KW, abs=1e-9)
    assert case.profiles["flats_kw"] + kw["up"] - kw["down"] == pytest.approx(two_homes.FLATS_KW)


def test_the_parts_of_the_hand_calculation_add_up() -> None:
    parts = dict(two_homes.COST_PARTS)
    assert sum(parts.values()) - 2.0 * parts["sales"] == pytest.approx(two_homes.TOGETHER.cost)
    total_kg = sum(two_homes.EMISSION_PARTS_KG.values())
    assert total_kg == pytest.approx(two_homes.TOGETHER.emission_kg)
    assert sum(two_homes.SHAPLEY.values()) == pytest.approx(-two_homes.TOGETHER.cost)
    saved = two_homes.ALONE_A.cost + two_homes.ALONE_B.cost - two_homes.TOGETHER.cost
    for home, alone in (("A", two_homes.ALONE_A), ("B", two_homes.ALONE_B)):
        assert two_homes.SHAPLEY[home] == pytest.approx(saved / 2.0 - alone.cost)


def test_the_case_has_no_fault() -> None:
    assert check_homes("two-homes") == []
