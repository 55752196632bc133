"""Two homes over two hours against every pattern of the follower's optimality conditions.

Given which bounds the follower is at, each of its prices times each of its powers is linear: an
import earns the buying price, an export the selling price, an engine its cost or, at its limit,
the price itself; the battery moves energy for nothing, or as much as it can. The best pattern is
the truth.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from market_cases import settled, two_hours

from cmgplan.solve.array_program import ArrayProgram, ArraySolver
from cmgplan.solve.cones import Rows
from cmgplan.solve.outcome import Stop

HOURS = (0, 1)
SIDES = ("idle", "buys", "sells")
ENGINE = ("off", "between", "full")
BATTERY = ("empties", "between", "fills")
BIG = 1e4


class Pattern:
    """A linear program in which the follower is at given bounds."""

    NAMES = ("g_a", "i_a", "x_a", "i_b", "x_b", "g_b", "price")

    def __init__(self, d: dict[str, Any]) -> None:
        self.d = d
        self.n = 2 * len(self.NAMES) + 1  # the last is what the battery gives in hour 0
        low, high = np.zeros(self.n), np.full(self.n, BIG)
        for t in HOURS:
            high[self.at("g_a", t)] = d["engine_a"]
        low[-1], high[-1] = -d["battery_b"], d["battery_b"]
        self.free = low, high

    def at(self, name: str, t: int) -> int:
        return 2 * self.NAMES.index(name) + t

    def solved(self, sides: Any, engines: Any, battery: str) -> float:
        """Return the leader's best income in a pattern, -inf where there is none."""
        d, low, high = self.d, self.free[0].copy(), self.free[1].copy()
        gain, rows, least, most, constant = np.zeros(self.n), [], [], [], 0.0

        def row(terms: dict[int, float], lower: float, upper: float) -> None:
            line = np.zeros(self.n)
            for k, value in terms.items():
                line[k] += value
            rows.append(line)
            least.append(lower)
            most.append(upper)

        for t in HOURS:
            i, x, g, price = (self.at(name, t) for name in ("i_b", "x_b", "g_b", "price"))
            sign = 1.0 if t == 0 else -1.0
            low[price], high[price] = d["sell"][t], d["buy"][t]
            # price * q = price * (load - import + export - engine - battery)
            gain[price] += d["load_b"][t]
            gain[i], gain[x] = -d["buy"][t], d["sell"][t]
            if sides[t] == "buys":
                low[price] = d["buy"][t]
            else:
                high[i] = 0.0
            if sides[t] == "sells":
                high[price] = d["sell"][t]
            else:
                high[x] = 0.0
            full = d["engine_b"]
            if engines[t] == "off":
                high[g], high[price] = 0.0, min(high[price], d["cost_b"])
            elif engines[t] == "full":
                low[g] = high[g] = full
                low[price] = max(low[price], d["cost_b"])
                gain[price] -= full
            else:
                high[g] = full
                gain[g] -= d["cost_b"]
                low[price] = max(low[price], d["cost_b"])
                high[price] = min(high[price], d["cost_b"])
            # The leader: q = engine + import - export - load, and q is what the follower lacks.
            g_a, i_a, x_a = (self.at(name, t) for name in ("g_a", "i_a", "x_a"))
            gain[g_a], gain[i_a], gain[x_a] = -d["cost_a"], -d["buy"][t], d["sell"][t]
            level = d["load_a"][t] + d["load_b"][t]
            row({g_a: 1, i_a: 1, x_a: -1, i: 1, x: -1, g: 1, self.n - 1: sign}, level, level)
        first, second, moved = self.at("price", 0), self.at("price", 1), self.n - 1
        if battery == "between":
            row({first: 1.0, second: -1.0}, 0.0, 0.0)
        else:
            most_kwh = d["battery_b"] if battery == "empties" else -d["battery_b"]
            low[moved] = high[moved] = most_kwh
            gain[first] -= most_kwh
            gain[second] += most_kwh
            dearer = (0.0, BIG) if battery == "empties" else (-BIG, 0.0)
            row({first: 1.0, second: -1.0}, *dearer)
        if (low > high).any():
            return -np.inf
        lines = Rows(sp.csr_array(np.array(rows)), np.array(least), np.array(most))
        found = ArraySolver(ArrayProgram(-gain, low, high, lines)).solve()
        return constant - found.value if found.stop is Stop.OPTIMAL else -np.inf


def truth(d: dict[str, Any]) -> float:
    pattern = Pattern(d)
    return max(
        pattern.solved(sides, engines, battery)
        for sides in product(SIDES, repeat=2)
        for engines in product(ENGINE, repeat=2)
        for battery in BATTERY
    )


@pytest.mark.parametrize("seed", range(30))
def test_value_and_bound_enclose_the_best_of_all_patterns(seed: int) -> None:
    case, d = two_hours(seed)
    best = truth(d)
    s, worth = settled(case)
    assert s.optimistic_income == pytest.approx(best, abs=1e-4)
    assert s.bound >= best - 1e-5
    assert s.leader_income <= best + 1e-5
    assert s.leader_income >= best - 1.0  # a step of 0.01 kW
    assert worth.leading - 1e-6 <= best <= worth.bound + 1e-6
