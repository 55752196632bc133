"""Games of coalitions: published answers, axioms, and the nucleolus against its definition."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from math import factorial

import numpy as np
import pytest
from scipy.optimize import linprog

from cmgplan.arrays import FloatArray
from cmgplan.errors import InputError
from cmgplan.search.coalitions import (
    Game,
    core_check,
    excesses,
    is_convex,
    is_superadditive,
    join_in_order,
    label,
    least_core,
    marginal_contributions,
    nucleolus,
    owen_value,
    sampled_shapley,
    shapley,
)

HOMES = Game.of(
    ("A", "B", "C"),
    {
        "A": -369.63,
        "B": -559.69,
        "C": -646.75,
        "A+B": -843.02,
        "A+C": -643.52,
        "B+C": -830.42,
        "A+B+C": -1099.76,
    },
)
"""Worths of the groups of ``cases/hmg3``, GBP a day."""

SEEDS = range(12)


def game(players: str, worth: Callable[[frozenset[str]], float]) -> Game:
    return Game.computed(players, worth)


def glove() -> Game:
    """A and B hold a left glove each, C a right one; a pair is worth 1."""
    return game("ABC", lambda s: float("C" in s and len(s) > 1))


def majority() -> Game:
    return game("ABC", lambda s: float(len(s) > 1))


def bankruptcy(estate: float, claims: tuple[float, ...] = (100.0, 200.0, 300.0)) -> Game:
    """What is left of an estate when the claims of all others are paid (Aumann, Maschler)."""
    names = "ABCDEFGH"[: len(claims)]
    owed = dict(zip(names, claims, strict=True))
    return game(names, lambda s: max(estate - sum(owed[i] for i in names if i not in s), 0.0))


def airport(costs: tuple[float, ...]) -> Game:
    """A runway for several planes costs what the largest of them needs (Littlechild, Owen)."""
    names = "ABCDEFGHIJKL"[: len(costs)]
    need = dict(zip(names, costs, strict=True))
    return game(names, lambda s: -max(need[i] for i in s))


def drawn(seed: int, n: int | None = None, superadditive: bool = False) -> Game:
    """Return a random game; small whole numbers, so that many of them are degenerate."""
    rng = np.random.default_rng(seed)
    size = int(rng.integers(2, 6)) if n is None else n
    worth = rng.integers(-3, 9, 1 << size).astype(float)
    if not superadditive:
        worth[-1] = worth[1 << np.arange(size)].sum() + float(rng.integers(0, 9))
    worth[0] = 0.0
    if superadditive:
        for mask in range(1, 1 << size):
            part = (mask - 1) & mask
            while part:
                worth[mask] = max(worth[mask], worth[part] + worth[mask ^ part])
                part = (part - 1) & mask
    return Game(tuple("ABCDEFGHIJKL"[:size]), worth)


def excess_vector(of: Game, x: FloatArray) -> FloatArray:
    """Return the excesses of an allocation, least first."""
    return np.sort((of.membership @ x - of.worth)[1:-1])


def every_order(of: Game) -> FloatArray:
    """Return the Shapley value by its definition: the mean over all n! orders."""
    total = np.zeros(of.size)
    for order in itertools.permutations(of.players):
        total += list(join_in_order(of, order).values())
    return total / factorial(of.size)


# Worths of three homes


def test_rules_share_the_worth_of_three_homes_as_a_program_written_apart_did() -> None:
    value, point = shapley(HOMES), nucleolus(HOMES)
    assert list(value.values()) == pytest.approx([-259.67, -448.15, -391.94], abs=0.01)
    assert list(point.values()) == pytest.approx([-308.49, -495.38, -295.89], abs=0.01)
    assert core_check(HOMES, value).least_excess == pytest.approx(-9.67, abs=0.01)
    assert least_core(HOMES).least_excess == pytest.approx(39.146, abs=0.01)
    assert core_check(HOMES, point).least_excess == pytest.approx(39.146, abs=0.01)
    assert is_superadditive(HOMES)
    assert not is_convex(HOMES)


def test_at_the_shapley_value_two_homes_would_leave_and_gain() -> None:
    check = core_check(HOMES, shapley(HOMES))
    assert not check.stable
    assert check.worst == "B+C"
    assert check.gain == pytest.approx(-830.42 + 448.15 + 391.94, abs=0.01)
    assert list(check.leaving) == ["B+C", "A+C"]
    assert check.leaving["A+C"] == pytest.approx(-643.52 + 259.67 + 391.94, abs=0.01)


def test_settlement_at_clearing_prices_is_in_the_core_of_three_homes() -> None:
    check = core_check(HOMES, {"A": -289.46, "B": -525.37, "C": -284.93})
    assert check.stable
    assert check.least_excess == pytest.approx(20.12, abs=0.01)
    assert check.worst == "B+C"
    assert check.gain == 0.0
    assert not check.leaving


# Published games


def test_glove_game() -> None:
    assert shapley(glove()) == pytest.approx({"A": 1 / 6, "B": 1 / 6, "C": 4 / 6})
    assert nucleolus(glove()) == pytest.approx({"A": 0.0, "B": 0.0, "C": 1.0}, abs=1e-9)
    assert least_core(glove()).least_excess == pytest.approx(0.0, abs=1e-9)
    assert not least_core(glove()).core_is_empty
    check = core_check(glove(), shapley(glove()))
    assert check.gain == pytest.approx(1 / 6)
    assert set(check.leaving) == {"A+C", "B+C"}


def test_majority_of_three_has_no_core() -> None:
    third = dict.fromkeys("ABC", 1 / 3)
    assert shapley(majority()) == pytest.approx(third)
    assert nucleolus(majority()) == pytest.approx(third)
    core = least_core(majority())
    assert core.core_is_empty
    assert core.least_excess == pytest.approx(-1 / 3)
    assert core.allocation == pytest.approx(third)
    assert core_check(majority(), third).gain == pytest.approx(1 / 3)
    assert is_superadditive(majority())
    assert not is_convex(majority())


@pytest.mark.parametrize(
    ("estate", "shares"),
    [(100.0, (100 / 3,) * 3), (200.0, (50.0, 75.0, 75.0)), (300.0, (50.0, 100.0, 150.0))],
)
def test_nucleolus_of_a_bankruptcy_is_the_talmuds_division(
    estate: float, shares: tuple[float, ...]
) -> None:
    """R. J. Aumann, M. Maschler, J. Economic Theory 36, 1985, with claims 100, 200, 300."""
    point = nucleolus(bankruptcy(estate))
    assert list(point.values()) == pytest.approx(shares, abs=1e-7)
    assert is_convex(bankruptcy(estate))


@pytest.mark.parametrize("estate", [40.0, 120.0, 181.0, 260.0, 330.0, 350.0])
def test_nucleolus_of_any_bankruptcy_gives_half_of_claims_first(estate: float) -> None:
    """Gains up to half of each claim are shared evenly, then losses up to the other half."""
    claims = np.array([30.0, 70.0, 110.0, 150.0])
    half, whole = claims / 2.0, claims.sum()

    def evenly(amount: float) -> FloatArray:
        low, high = 0.0, float(half.max())
        for _ in range(100):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if np.minimum(half, middle).sum() < amount else (low, middle)
        return np.minimum(half, high)

    shares = evenly(estate) if estate <= half.sum() else claims - evenly(whole - estate)
    assert shares.sum() == pytest.approx(estate)
    point = nucleolus(bankruptcy(estate, tuple(claims)))
    assert list(point.values()) == pytest.approx(shares, abs=1e-6)


def test_airport_each_part_of_a_runway_is_shared_by_those_who_need_it() -> None:
    """Shapley of S. C. Littlechild and G. Owen, 1973."""
    value = shapley(airport((8.0, 11.0, 13.0, 18.0)))
    first, second, third, last = 8 / 4, 3 / 3, 2 / 2, 5.0
    shares = np.cumsum([first, second, third, last])
    assert list(value.values()) == pytest.approx(-shares)


@pytest.mark.parametrize("costs", [(8.0, 11.0, 13.0, 18.0), (1.0, 2.0, 3.0, 3.0, 9.0), (4.0, 4.0)])
def test_airport_nucleolus_by_the_closed_form(costs: tuple[float, ...]) -> None:
    """S. C. Littlechild, 1974: the cheapest share of a runway left is taken in each round."""
    left, paid, shares = list(costs), 0.0, []
    while left:
        n = len(left)
        options = [(left[k] - paid) / (k + 2) for k in range(n - 1)]
        options.append((left[-1] - paid) / n)
        least = min(options)
        at = max(k for k in range(n) if options[k] <= least + 1e-12)
        together = min(at, n - 2) + 1 if n > 1 and at < n - 1 else n
        shares += [least] * together
        paid += least * together
        left = left[together:]
    point = nucleolus(airport(costs))
    assert list(point.values()) == pytest.approx([-x for x in shares], abs=1e-7)


def test_owen_value_of_a_weighted_majority() -> None:
    """Two of three in a union share all there is: the third adds nothing that they lack."""
    assert owen_value(majority(), ["A+B", "C"]) == pytest.approx({"A": 0.5, "B": 0.5, "C": 0.0})
    assert owen_value(glove(), ["A+B", "C"]) == pytest.approx({"A": 0.25, "B": 0.25, "C": 0.5})
    assert owen_value(glove(), ["A+C", "B"]) == pytest.approx({"A": 0.25, "B": 0.0, "C": 0.75})


def test_contributions_of_the_glove_game() -> None:
    assert marginal_contributions(glove()) == {"A": 0.0, "B": 0.0, "C": 1.0}
    assert join_in_order(glove(), ["A", "C", "B"]) == {"A": 0.0, "B": 0.0, "C": 1.0}
    assert join_in_order(glove(), ["C", "A", "B"]) == {"A": 1.0, "B": 0.0, "C": 0.0}


# Axioms


@pytest.mark.parametrize("seed", SEEDS)
def test_shapley_is_the_mean_over_all_orders_and_shares_everything(seed: int) -> None:
    one = drawn(seed)
    value = list(shapley(one).values())
    assert value == pytest.approx(every_order(one), abs=1e-9)
    assert sum(value) == pytest.approx(one.total, abs=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_shapley_of_a_sum_is_the_sum(seed: int) -> None:
    one, other = drawn(seed, 5), drawn(seed + 100, 5)
    both = shapley(Game(one.players, one.worth + 2.5 * other.worth))
    parts = np.array(list(shapley(one).values())) + 2.5 * np.array(list(shapley(other).values()))
    assert list(both.values()) == pytest.approx(parts, abs=1e-9)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("rule", [shapley, nucleolus], ids=["shapley", "nucleolus"])
def test_who_adds_only_its_own_worth_gets_it(
    seed: int, rule: Callable[[Game], dict[str, float]]
) -> None:
    inner = drawn(seed, 3, superadditive=True)
    worth = np.concatenate([inner.worth, inner.worth + 2.5])
    share = rule(Game(("A", "B", "C", "D"), worth))
    assert share["D"] == pytest.approx(2.5, abs=1e-7)
    assert share["A"] == pytest.approx(rule(inner)["A"], abs=1e-7)


@pytest.mark.parametrize("seed", range(10))
def test_alike_players_get_alike(seed: int) -> None:
    rng = np.random.default_rng(seed)
    drawn_worth = {(k, c): rng.uniform(0.0, 5.0) * (k + c) for k in range(3) for c in (0, 1, 2)}

    def worth(s: frozenset[str]) -> float:
        return float(drawn_worth[len(s & {"A", "B"}), len(s & {"C", "D"})])

    one = Game.computed("ABCD", lambda s: worth(s) if len(s) < 4 else 40.0)
    for share in (shapley(one), nucleolus(one), owen_value(one, ["A+B", "C+D"])):
        assert share["A"] == pytest.approx(share["B"], abs=1e-7)
        assert share["C"] == pytest.approx(share["D"], abs=1e-7)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_order_of_players_changes_no_share(seed: int) -> None:
    one = drawn(seed)
    order = np.random.default_rng(seed).permutation(one.size)
    names = tuple(one.players[k] for k in order)
    other = Game.of(names, one.values())
    unions = [names[: one.size // 2], names[one.size // 2 :]]
    assert shapley(other) == pytest.approx(shapley(one), abs=1e-9)
    assert nucleolus(other) == pytest.approx(nucleolus(one), abs=1e-7)
    assert owen_value(other, unions) == pytest.approx(owen_value(one, unions), abs=1e-9)
    assert least_core(other).least_excess == pytest.approx(least_core(one).least_excess, abs=1e-7)


@pytest.mark.parametrize("seed", range(10))
def test_shares_move_with_units_and_with_what_players_have_alone(seed: int) -> None:
    one, own = drawn(seed, 4), np.array([3.0, -100.0, 7.0, 0.5])
    moved = Game(one.players, 1e4 * one.worth + one.membership @ own)
    for rule in (shapley, nucleolus):
        before = np.array(list(rule(one).values()))
        assert list(rule(moved).values()) == pytest.approx(1e4 * before + own, abs=1e-3)


# Least core and nucleolus


def lexicographic(one: Game, individually_rational: bool) -> FloatArray:
    """Return the nucleolus by rounds that probe each coalition: may its excess still grow?"""
    rows, worth, n = one.membership[1:-1], one.worth[1:-1], one.size
    bounds = [(own if individually_rational else None, None) for own in one.alone]
    held: dict[int, float] = {}
    x = np.zeros(n)

    def solve(cost: FloatArray, least: float | None) -> FloatArray:
        a_ub, b_ub = [], []
        a_eq, b_eq = [np.append(np.ones(n), 0.0)], [one.total]
        for k in range(len(rows)):
            if k in held:
                a_eq.append(np.append(rows[k], 0.0))
                b_eq.append(worth[k] + held[k])
            else:
                a_ub.append(np.append(-rows[k], 1.0))
                b_ub.append(-worth[k])
        # With a given excess the last variable is fixed to it.
        last = (None, None) if least is None else (least, least)
        found = linprog(cost, a_ub or None, b_ub or None, a_eq, b_eq, [*bounds, last])
        assert found.status == 0, found.message
        return np.asarray(found.x)

    while len(held) < len(rows):
        best = solve(np.append(np.zeros(n), -1.0), None)
        least, x = best[-1] - 1e-9, best[:-1]
        tight = [
            k
            for k in range(len(rows))
            if k not in held
            and rows[k] @ solve(np.append(-rows[k], 0.0), least)[:-1] - worth[k] < least + 1e-6
        ]
        assert tight
        held.update(dict.fromkeys(tight, float(best[-1])))
        if np.linalg.matrix_rank(rows[list(held)]) == n:
            break
    return x


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("individually_rational", [True, False])
def test_nucleolus_by_rounds_that_probe_every_coalition(
    seed: int, individually_rational: bool
) -> None:
    one = drawn(seed, 4)
    point = nucleolus(one, individually_rational=individually_rational)
    by_probes = lexicographic(one, individually_rational)
    assert list(point.values()) == pytest.approx(by_probes, abs=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_allocation_has_a_better_vector_of_excesses(seed: int) -> None:
    one, rng = drawn(seed), np.random.default_rng(seed)
    point = np.array(list(nucleolus(one).values()))
    assert point.sum() == pytest.approx(one.total, abs=1e-8)
    assert (point >= one.alone - 1e-8).all()
    best = excess_vector(one, point)
    for _ in range(200):
        near = float(rng.choice([0.0, 0.9, 0.999]))
        other = one.alone + (one.total - one.alone.sum()) * rng.dirichlet(np.ones(one.size))
        vector = excess_vector(one, near * point + (1.0 - near) * other)
        differs = np.flatnonzero(np.abs(vector - best) > 1e-7)
        assert not differs.size or vector[differs[0]] < best[differs[0]]


@pytest.mark.parametrize("seed", SEEDS)
def test_nucleolus_is_in_the_core_where_there_is_one(seed: int) -> None:
    one = drawn(seed, superadditive=True)
    core, point = least_core(one), nucleolus(one)
    check = core_check(one, point)
    assert is_superadditive(one)
    assert check.stable != core.core_is_empty
    reached = core_check(one, core.allocation)
    assert reached.least_excess == pytest.approx(core.least_excess, abs=1e-7)
    assert sum(core.allocation.values()) == pytest.approx(one.total, abs=1e-9)
    free = nucleolus(one, individually_rational=False)
    assert core_check(one, free).least_excess == pytest.approx(core.least_excess, abs=1e-7)


def test_both_kinds_of_games_are_among_those_drawn() -> None:
    empty = [least_core(drawn(seed, superadditive=True)).core_is_empty for seed in SEEDS]
    assert any(empty)
    assert not all(empty)


@pytest.mark.parametrize("seed", range(10))
def test_shapley_of_a_convex_game_is_in_the_core(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weight = dict(zip("ABCDE", rng.uniform(0.0, 3.0, 5), strict=True))
    one = game("ABCDE", lambda s: float(sum(weight[i] for i in s)) ** 2)
    assert is_convex(one)
    assert is_superadditive(one)
    assert core_check(one, shapley(one)).stable
    for order in itertools.islice(itertools.permutations("ABCDE"), 0, None, 17):
        assert core_check(one, join_in_order(one, order)).stable


def test_a_game_in_which_joining_loses_is_not_superadditive() -> None:
    assert is_superadditive(game("ABC", lambda s: 2.0 * len(s)))
    assert not is_superadditive(game("ABC", lambda s: 3.0 if len(s) == 2 else 2.0 * len(s)))
    # Only B and the pair of A and C lose: 2 and 5 alone, 6 together.
    assert not is_superadditive(game("ABC", lambda s: 5.0 if s == {"A", "C"} else 2.0 * len(s)))


def test_nucleolus_keeps_players_whole_and_the_prenucleolus_need_not() -> None:
    one = Game.of("ABC", {"A": 0, "B": 0, "C": 0, "A+B": 9, "A+C": 0, "B+C": 0, "A+B+C": 3})
    assert nucleolus(one) == pytest.approx({"A": 1.5, "B": 1.5, "C": 0.0}, abs=1e-9)
    assert nucleolus(one, individually_rational=False)["C"] < -1.0


# Owen value


@pytest.mark.parametrize("seed", SEEDS)
def test_owen_value_is_the_mean_over_orders_that_keep_unions_together(seed: int) -> None:
    one = drawn(seed, 5)
    unions = [["A", "B"], ["C"], ["D", "E"]] if seed % 2 else [["E", "A", "C"], ["B", "D"]]
    total, count = np.zeros(5), 0
    for order in itertools.permutations(one.players):
        runs = 1 + sum(
            not any({a, b} <= set(union) for union in unions) for a, b in itertools.pairwise(order)
        )
        if runs == len(unions):
            total += list(join_in_order(one, order).values())
            count += 1
    assert list(owen_value(one, unions).values()) == pytest.approx(total / count, abs=1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_owen_value_of_unions_of_one_or_of_all_is_shapley(seed: int) -> None:
    one = drawn(seed, 4)
    assert owen_value(one, ["A", "B", "C", "D"]) == pytest.approx(shapley(one), abs=1e-9)
    assert owen_value(one, ["A+B+C+D"]) == pytest.approx(shapley(one), abs=1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_unions_share_by_the_shapley_value_among_them(seed: int) -> None:
    one = drawn(seed, 5)
    unions = {"X": {"A", "D"}, "Y": {"B", "C", "E"}}
    among = Game.computed(unions, lambda s: one.value(set[str]().union(*(unions[u] for u in s))))
    value, share = owen_value(one, unions.values()), shapley(among)
    for name, members in unions.items():
        assert sum(value[i] for i in members) == pytest.approx(share[name], abs=1e-9)


# Many players


def test_twelve_players_share_exactly() -> None:
    """Costs of an airport of twelve planes, whose shares have closed forms."""
    costs = tuple(float(x) for x in (1, 2, 3, 3, 5, 8, 9, 11, 12, 12, 15, 20))
    one = airport(costs)
    parts = np.diff(np.concatenate([[0.0], costs])) / np.arange(12, 0, -1)
    assert list(shapley(one).values()) == pytest.approx(-np.cumsum(parts))
    point = nucleolus(one)
    assert core_check(one, point).stable
    assert core_check(one, point).least_excess == pytest.approx(least_core(one).least_excess)
    assert is_superadditive(one)
    assert is_convex(one)


def test_a_sample_of_orders_comes_near_the_shapley_value() -> None:
    one = airport((1.0, 2.0, 3.0, 3.0, 5.0, 8.0, 9.0, 11.0))
    exact = shapley(one)
    found = sampled_shapley(one.players, one.value, 400, np.random.default_rng(7))
    assert found.orders == 400
    assert found.evaluated <= 255
    assert sum(found.allocation.values()) == pytest.approx(one.total)
    for name in one.players:
        assert abs(found.allocation[name] - exact[name]) <= 4.0 * found.standard_error[name] + 1e-12
        assert 0.0 < found.standard_error[name] < 0.5
    more = sampled_shapley(one.players, one.value, 6400, np.random.default_rng(7))
    for name in one.players:
        assert more.standard_error[name] < 0.4 * found.standard_error[name]


def test_a_sample_repeats_with_its_seed_and_takes_many_players() -> None:
    names = [f"home-{k}" for k in range(30)]
    size = {name: float(k + 1) for k, name in enumerate(names)}

    def worth(s: Iterable[str]) -> float:
        return sum(size[i] for i in s) ** 2

    first, second = (sampled_shapley(names, worth, 20, np.random.default_rng(3)) for _ in range(2))
    assert first == second
    total = sum(size.values())
    for name, share in first.allocation.items():
        # An order and its reverse together give each player its exact share of this game.
        assert share == pytest.approx(size[name] * total)
        assert first.standard_error[name] == pytest.approx(0.0, abs=1e-9)


def test_one_player_has_what_it_is_worth() -> None:
    one = Game.of(["A"], {"A": -4.0})
    assert shapley(one) == nucleolus(one) == least_core(one).allocation == {"A": -4.0}
    assert core_check(one, {"A": -4.0}).stable
    assert core_check(one, {"A": -4.0}).worst == ""
    assert excesses(one, {"A": -4.0}) == {}


def test_where_joining_brings_nothing_each_keeps_its_own() -> None:
    own = {"A": 3.0, "B": -8.0, "C": 0.0}
    one = game("ABC", lambda s: sum(own[i] for i in s))
    for share in (shapley(one), nucleolus(one), least_core(one).allocation):
        assert share == pytest.approx(own, abs=1e-9)
    assert least_core(one).least_excess == pytest.approx(0.0, abs=1e-9)
    assert core_check(one, own).stable


# Forms and faults


def test_a_game_takes_labels_and_sets_in_any_order() -> None:
    one = Game.of(["B", "A"], {"B+A": 5.0, "A": 1.0, "B": 2.0})
    other = Game.of(
        ["A", "B"], {frozenset("A"): 1.0, frozenset("B"): 2.0, frozenset("AB"): 5.0, frozenset(): 0}
    )
    assert one.values() == other.values() == {"A": 1.0, "B": 2.0, "A+B": 5.0}
    assert one.value("A+B") == one.value(["B", "A"]) == one.total == 5.0
    assert label(["C", "A"]) == "A+C"


def test_a_group_plays_among_itself_with_what_it_has_earned() -> None:
    group = HOMES.subgame("C+A", total=-600.0)
    assert group.values() == {"A": -369.63, "C": -646.75, "A+C": -600.0}
    spared = -600.0 + 369.63 + 646.75
    even = {"A": -369.63 + spared / 2, "C": -646.75 + spared / 2}
    assert shapley(group) == pytest.approx(even)
    assert nucleolus(group) == pytest.approx(even)
    assert HOMES.subgame(["B", "C"]).total == -830.42


@pytest.mark.parametrize(
    ("players", "values", "told"),
    [
        ("AB", {"A": 1.0, "B": 2.0}, r"no worth of A\+B; give one"),
        ("ABC", {"A": 1.0}, r"no worth of B, A\+B, C and 3 more"),
        ("AB", {"A": 1.0, "B": 2.0, "A+B": np.nan}, r"coalition A\+B is worth nan"),
        ("AB", {"A": 1.0, "B": 2.0, "A+B": 3.0, "B+A": 3.0}, r"A\+B is given twice"),
        ("AB", {"A": 1.0, "C": 2.0}, "no player 'C'; the players are A, B"),
        ("AB", {"A+A": 1.0}, "player A is twice in a coalition"),
        ("AB", {"": 1.0}, "the empty coalition is worth 0"),
        ("", {}, "at least one player"),
        ("AA", {}, "player A is named twice"),
        (["A+B"], {}, "cannot name a player"),
        ("ABCDEFGHIJKLM", {}, "13 players have too many coalitions; give at most 12"),
    ],
)
def test_faults_of_a_game_are_told(players: str, values: dict[str, float], told: str) -> None:
    with pytest.raises(InputError, match=told):
        Game.of(players, values)


@pytest.mark.parametrize(
    ("allocation", "told"),
    [
        ({"A": 1.0, "B": 1.0}, "nothing for C"),
        ({"A": 1.0, "B": 1.0, "C": np.inf}, "C is allocated inf"),
        ({"A": 0.0, "B": 0.0, "C": 0.0, "D": 1.0}, "no player 'D'"),
        ({"A": 0.5, "B": 0.5, "C": 0.5}, "shares 0.5 more than the 1 that all are worth"),
    ],
)
def test_faults_of_an_allocation_are_told(allocation: dict[str, float], told: str) -> None:
    with pytest.raises(InputError, match=told):
        core_check(majority(), allocation)


def test_who_gets_less_than_there_is_would_rather_share_all() -> None:
    check = core_check(bankruptcy(300.0), {"A": 50.0, "B": 100.0, "C": 140.0})
    assert check.unshared == pytest.approx(10.0)
    assert not check.stable
    assert not check.leaving


def test_other_faults_are_told() -> None:
    with pytest.raises(InputError, match="C is in no union"):
        owen_value(majority(), ["A+B"])
    with pytest.raises(InputError, match="A is in two unions"):
        owen_value(majority(), ["A+B", "A+C"])
    with pytest.raises(InputError, match="must name every player once: A, B, C"):
        join_in_order(majority(), ["A", "B"])
    with pytest.raises(InputError, match="give at least 4"):
        sampled_shapley("AB", len, 2, np.random.default_rng(0))
    with pytest.raises(InputError, match=r"coalition A\+?B? is worth nan|coalition B is worth nan"):
        sampled_shapley("AB", lambda s: float("nan"), 4, np.random.default_rng(0))
    with pytest.raises(InputError, match="among nobody"):
        majority().subgame("")
    with pytest.raises(InputError, match="less than 3 alone: nobody would join"):
        nucleolus(game("ABC", lambda s: 1.0))
    loss = nucleolus(game("ABC", lambda s: 1.0), individually_rational=False)
    assert loss == pytest.approx(dict.fromkeys("ABC", 1 / 3))
