"""Networks with switches for tests: published ones, and small meshed ones that are drawn."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cmgplan.arrays import BoolArray
from cmgplan.network.grid import Branches, Generators, Grid
from cmgplan.network.reconfiguration.given import SwitchedNetwork, TreeNetwork, tree_network
from cmgplan.network.reconfiguration.tree import solve_tree

NETWORKS = Path(__file__).parent / "data" / "networks"


def switched(
    loads_kva: list[complex],
    lines: list[tuple[int, int, complex]],
    closed: list[bool] | None = None,
    **more: Any,
) -> SwitchedNetwork:
    """Return a network of 10 kV whose bus 0 is the source; lines are ends and impedance in ohm.

    ``more`` are sources, v_source, v_min, v_max, s_max_kva, b_us, switchable, vn_kv.
    """
    n, count, zero = len(loads_kva), len(lines), np.zeros(len(lines))
    kv = float(more.get("vn_kv", 10.0))
    sources = np.array(more.get("sources", [0]), dtype=np.int64)
    z = np.array([impedance for *_, impedance in lines]) / kv**2
    s = np.array(loads_kva, dtype=np.complex128) / 1000.0
    none, free = np.zeros((len(sources), 3)), np.full(len(sources), np.inf)
    rated = np.full(count, np.inf)
    if "s_max_kva" in more:
        rated = np.array(more["s_max_kva"], dtype=np.float64) / 1000.0
    grid = Grid(
        name="made",
        s_base_mva=1.0,
        bus_ids=tuple(str(k) for k in more.get("ids", range(n))),
        vn_kv=np.full(n, kv),
        v_min_pu=np.full(n, float(more.get("v_min", 0.9))),
        v_max_pu=np.full(n, float(more.get("v_max", 1.1))),
        p_load_pu=s.real.copy(),
        q_load_pu=s.imag.copy(),
        g_shunt_pu=np.zeros(n),
        b_shunt_pu=np.zeros(n),
        reference=sources,
        reference_angle_rad=np.zeros(len(sources)),
        branches=Branches(
            ids=tuple(f"{i}-{j} (row {k + 1})" for k, (i, j, _) in enumerate(lines)),
            from_bus=np.array([i for i, _, _ in lines], dtype=np.int64),
            to_bus=np.array([j for _, j, _ in lines], dtype=np.int64),
            r_pu=z.real.copy(),
            x_pu=z.imag.copy(),
            g_pu=zero,
            b_pu=np.full(count, float(more.get("b_us", 0.0)) * 1e-6 * kv**2),
            tap=np.ones(count),
            shift_rad=zero,
            s_max_pu=rated,
            i_max_pu=np.full(count, np.inf),
            angle_min_rad=np.full(count, -np.inf),
            angle_max_rad=np.full(count, np.inf),
        ),
        generators=Generators(
            tuple(f"source {k}" for k in sources), sources, -free, free, -free, free, none, none
        ),
        reference_v_pu=np.array(more.get("v_source", [1.0] * len(sources)), dtype=np.float64),
    )
    states = np.array(closed if closed is not None else [True] * count, dtype=np.bool_)
    may = np.array(more.get("switchable", [True] * count), dtype=np.bool_)
    return SwitchedNetwork(grid, states, may, tuple(range(1, count + 1)))


def published(name: str, sources: tuple[str, ...] = ("1",), **more: Any) -> SwitchedNetwork:
    """Return a published feeder by its folder in tests/data/networks."""
    buses = pd.read_csv(NETWORKS / name / "buses.csv", dtype={"bus": str})
    rows = pd.read_csv(NETWORKS / name / "lines.csv", dtype={"from_bus": str, "to_bus": str})
    at = {bus: k for k, bus in enumerate(buses.bus)}
    return switched(
        [complex(p, q) for p, q in zip(buses.p_kw, buses.q_kvar, strict=True)],
        [(at[r.from_bus], at[r.to_bus], complex(r.r_ohm, r.x_ohm)) for r in rows.itertuples()],
        [bool(state) for state in rows.in_service],
        ids=list(buses.bus),
        sources=[at[bus] for bus in sources],
        vn_kv=float(buses.vn_kv[0]),
        **more,
    )


def drawn(seed: int) -> SwitchedNetwork:
    """Return a small meshed network; by the seed it has generation, ratings, two sources, ..."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, 9))
    pairs = [(int(rng.integers(k)), k) for k in range(1, n)]
    others = [pair for pair in itertools.combinations(range(n), 2) if pair not in pairs]
    ties = rng.permutation(len(others))[: int(rng.integers(2, 5))]
    pairs += [others[int(k)] for k in ties]
    lines = [(i, j, complex(*rng.uniform(0.2, 2.0, 2))) for i, j in pairs]
    loads = [complex(p, 0.4 * p) for p in rng.uniform(100.0, 900.0, n)]
    loads[int(rng.integers(1, n))] = 0.0
    more: dict[str, Any] = {"v_min": 0.85}
    if seed % 5 == 1:
        loads[n - 1] = complex(-1500.0, 200.0)
    if seed % 5 == 2:
        more |= {"sources": [0, n - 1], "v_source": [1.0, 1.01]}
    if seed % 5 == 3:
        more |= {"s_max_kva": rng.uniform(1500.0, 4000.0, len(lines))}
        lines[0] = (*lines[0][:2], 0.5j)
    if seed % 5 == 4:
        more |= {"b_us": 300.0}
        more |= {"switchable": [k != 1 for k in range(len(lines))]}
    return switched(loads, lines, [k < n - 1 for k in range(len(lines))], **more)


def spanning_choices(net: TreeNetwork) -> Iterator[BoolArray]:
    """Yield every choice of as many branches as a tree has, those that form none too."""
    free = np.flatnonzero(net.may_close & net.may_open)
    fixed = net.may_close & ~net.may_open
    for chosen in itertools.combinations(free, net.n_bus - 1 - int(fixed.sum())):
        closed = fixed.copy()
        closed[list(chosen)] = True
        yield closed


def least_loss_kw(network: SwitchedNetwork) -> float:
    """Return the least loss within the limits over all trees; infinite where there is none."""
    net = tree_network(network)
    flows = (solve_tree(net, closed) for closed in spanning_choices(net))
    return min((f.loss_pu * net.s_base_kva for f in flows if f.feasible), default=np.inf)
