"""Seeded cases of any size: microgrids with random devices, in clusters, on a feeder.

    case = generated_case(7, microgrids=4, hours=4)
    case = generated_case(7, microgrids=40, hours=96, feeder="ieee94")

Every case can be served with all PCCs closed and all ties open: no PCC is rated under what its
microgrid's turbines leave uncovered, and reactive demand is covered on the spot. Renewable power
passes the ratings at noon, so that cost, emission and losses conflict.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

import networkx as nx
import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.case.records import Bus, Line
from cmgplan.planning.case import Case, load_case
from cmgplan.planning.case.records import CaseFile

MODEL = Path(__file__).parents[1] / "cases" / "ieee94"
"""Its profiles give every case its shape of the day, its feeder the large cases theirs."""

LOADS = (("load_home", 0.33), ("load_business", 0.40), ("load_farm", 0.45))
"""Profile and kvar per kW of each kind of load."""

NOISE = 0.08
"""Standard deviation by which an hour differs from the same hour of the model's day."""

GRID_EMISSIONS = {"co2": 30.0, "so2": 3.4, "nox": 0.6}
MT_EMISSIONS = {"co2": 33.7, "so2": 0.05, "nox": 1.05}
WEAK = 8.0
"""Factor of the impedances of a weak feeder, whose voltages reach their limits."""


def generated_case(
    seed: int,
    *,
    microgrids: int,
    hours: int,
    feeder: Literal["small", "ieee94"] = "small",
    weak: bool = False,
    minimum_loads: int = 0,
    **options: object,
) -> Case:
    """Return a case drawn from a seed.

    Parameters
    ----------
    hours
        Intervals of one hour. Under 24 they are spread over the day, beyond it days repeat with
        other noise.
    feeder
        A random tree of a few buses, or that of ``cases/ieee94``.
    weak
        Whether the small feeder has so much impedance that voltage limits may bind.
    minimum_loads
        How many turbines have a minimum load, and so a binary for each hour.
    options
        Of ``PlanOptions``.
    """
    rng = np.random.default_rng([seed, microgrids, hours])
    model = load_case(MODEL)
    profiles = _profiles(rng, hours)
    network, buses, lines = (
        (model.file.network.model_dump(), model.buses, model.lines)
        if feeder == "ieee94"
        else _small_feeder(rng, microgrids + 2, weak)
    )
    taken = rng.permutation([bus.bus for bus in buses if bus.bus != network["slack_bus"]])
    ids = [f"MG{k + 1}" for k in range(microgrids)]
    records = [
        _microgrid(rng, mg, str(taken[k % len(taken)]), profiles) for k, mg in enumerate(ids)
    ]
    turbines = [mt for record in records for mt in record.get("mt", [])]
    for turbine in turbines[:minimum_loads]:
        turbine["p_min_kw"] = 0.4 * turbine["p_max_kw"]
    clusters = list(_clusters(rng, ids))
    ties = [*_inner_ties(rng, clusters), *_outer_ties(rng, clusters)]
    _close_some(rng, records, ties)
    document = {
        "format": 1,
        "name": f"generated-{seed}",
        "time": {"hours": hours, "dt_h": 1.0},
        "network": network,
        "grid": {"emission_usd_per_mwh": GRID_EMISSIONS},
        "cluster": [
            {"id": f"C{k + 1}", "microgrids": members} for k, members in enumerate(clusters)
        ],
        "microgrid": records,
        "tie": ties,
        "plan": options,
    }
    file = CaseFile.model_validate_json(json.dumps(document))
    return Case(file, tuple(buses), tuple(lines), profiles, MODEL)


@cache
def _model_profiles() -> dict[str, FloatArray]:
    return dict(load_case(MODEL).profiles)


def _profiles(rng: np.random.Generator, hours: int) -> dict[str, FloatArray]:
    """Return the model's profiles with noise, never over 1 but for the price."""
    day = 24
    spread = np.arange(hours) * day // hours if hours < day else np.arange(hours) % day
    start = int(rng.integers(day)) if hours < day else 0
    found = {}
    for name, values in _model_profiles().items():
        noisy = values[(spread + start) % day] * (1.0 + NOISE * rng.standard_normal(hours))
        most = np.inf if name == "price_usd_per_mwh" else 1.0
        found[name] = np.clip(noisy, 0.0, most)
    return found


def _small_feeder(
    rng: np.random.Generator, count: int, weak: bool
) -> tuple[dict[str, Any], list[Bus], list[Line]]:
    """Return a random tree of buses with its network section."""
    buses = [Bus(bus=str(k + 1), vn_kv=15.0) for k in range(count)]
    factor = WEAK if weak else 1.0
    lines = []
    for k in range(1, count):
        r, x = factor * rng.uniform(0.4, 1.6, 2)
        parent = int(rng.integers(k))
        lines.append(
            Line(
                line=f"L{k}",
                from_bus=buses[parent].bus,
                to_bus=buses[k].bus,
                r_ohm=float(r),
                x_ohm=float(x),
                rating_kva=4000.0,
            )
        )
    limits = (0.97, 1.01) if weak else (0.9, 1.1)
    section = {
        "slack_bus": "1",
        "v_slack_pu": 1.0 if weak else 1.03,
        "v_min_pu": limits[0],
        "v_max_pu": limits[1],
    }
    return section, buses, lines


def _microgrid(
    rng: np.random.Generator,
    mg: str,
    bus: str,
    profiles: dict[str, FloatArray],
) -> dict[str, Any]:
    """Return a microgrid: always a load, some reactive power and a source, the rest by lot."""
    loads = _loads(rng, mg)
    demand = sum(load["p_kw"] * profiles[load["profile"]] for load in loads)
    reactive = sum(load["q_kvar"] * profiles[load["profile"]] for load in loads)
    swing = 1.0 + max(load["responsive_share"] for load in loads)
    peak, fuel = float(demand.max()), bool(rng.random() < 0.5)
    record: dict[str, Any] = {"id": mg, "bus": bus, "load": loads}
    sun, wind = (rng.random(2) < 0.6).tolist()
    turbine = bool(rng.random() < 0.7)
    if sun or not (wind or turbine):
        record["pv"] = [_source(rng, f"{mg}-PV", peak, ("pv_a", "pv_b"))]
    if wind:
        angle = {"power_factor_lead": 0.95, "power_factor_lag": 0.95}
        record["wt"] = [_source(rng, f"{mg}-WT", peak, ("wind_a", "wind_b")) | angle]
    mt_kw = float(rng.uniform(0.2, 0.5) * peak) if turbine else 0.0
    if turbine:
        record["mt"] = [_turbine(rng, mg, mt_kw, fuel)]
    if rng.random() < 0.6:
        record["storage"] = [_store(rng, mg, peak, fuel)]
    kvar = float(swing * reactive.max())
    record["svc"] = [{"id": f"{mg}-SVC", "q_min_kvar": -0.3 * kvar, "q_max_kvar": kvar}]
    needed = float((demand - mt_kw).max())
    record["pcc"] = {"id": f"PCC-{mg}", "rating_kva": needed * float(rng.uniform(1.05, 1.5))}
    return record


def _loads(rng: np.random.Generator, mg: str) -> list[dict[str, Any]]:
    kinds = rng.choice(len(LOADS), int(rng.integers(1, 3)), replace=False)
    share = 0.2 if rng.random() < 0.7 else 0.0
    loads = []
    for k in kinds:
        profile, ratio = LOADS[int(k)]
        p_kw = float(rng.uniform(40.0, 140.0))
        loads.append(
            {
                "id": f"{mg}-{profile}",
                "p_kw": p_kw,
                "q_kvar": ratio * p_kw,
                "profile": profile,
                "responsive_share": share,
            }
        )
    return loads


def _source(
    rng: np.random.Generator, device: str, peak_kw: float, forecasts: Sequence[str]
) -> dict[str, Any]:
    forecast = forecasts[int(rng.integers(len(forecasts)))]
    return {"id": device, "p_max_kw": peak_kw * float(rng.uniform(1.0, 2.8)), "forecast": forecast}


def _turbine(rng: np.random.Generator, mg: str, p_max_kw: float, fuel: bool) -> dict[str, Any]:
    return {
        "id": f"{mg}-MT",
        "p_max_kw": p_max_kw,
        "q_min_kvar": -0.75 * p_max_kw,
        "q_max_kvar": 0.75 * p_max_kw,
        "price": float(rng.uniform(40.0, 110.0)) if fuel else "market",
        "emission_usd_per_mwh": MT_EMISSIONS,
    }


def _store(rng: np.random.Generator, mg: str, peak_kw: float, wear: bool) -> dict[str, Any]:
    power = peak_kw * float(rng.uniform(0.15, 0.4))
    return {
        "id": f"{mg}-ESS",
        "p_charge_max_kw": power,
        "p_discharge_max_kw": power,
        "energy_kwh": power * float(rng.uniform(2.0, 4.0)),
        "soc_min": 0.2,
        "soc_max": 0.95,
        "soc_start": 0.5,
        "efficiency_charge": 0.95,
        "efficiency_discharge": 0.95,
        "price": float(rng.uniform(0.0, 6.0)) if wear else "market",
    }


def _clusters(rng: np.random.Generator, ids: Sequence[str]) -> Iterator[list[str]]:
    """Yield clusters of two to four neighbours; a last one may be alone."""
    first = 0
    while first < len(ids):
        size = int(rng.integers(2, 5))
        yield list(ids[first : first + size])
        first += size


def _inner_ties(
    rng: np.random.Generator, clusters: Sequence[Sequence[str]]
) -> Iterator[dict[str, Any]]:
    """Yield a chain of ties through each cluster, closed to a ring where it has three or more."""
    for members in clusters:
        ring = [*members, members[0]] if len(members) > 2 else members
        for a, b in itertools.pairwise(ring):
            yield _tie(rng, "microgrid", a, b)


def _outer_ties(
    rng: np.random.Generator, clusters: Sequence[Sequence[str]]
) -> Iterator[dict[str, Any]]:
    """Yield a tie from each cluster to the next, lossy, in a ring where there are three."""
    ring = [*clusters, clusters[0]] if len(clusters) > 2 else clusters
    for one, other in itertools.pairwise(ring):
        a, b = str(rng.choice(one)), str(rng.choice(other))
        line = {"r_ohm": float(rng.uniform(0.5, 2.0)), "vn_kv": 15.0}
        yield _tie(rng, "cluster", a, b) | line


def _tie(rng: np.random.Generator, kind: str, a: str, b: str) -> dict[str, Any]:
    return {
        "id": f"T-{a}-{b}",
        "kind": kind,
        "from_microgrid": a,
        "to_microgrid": b,
        "rating_kva": float(rng.uniform(30.0, 120.0)),
    }


def _close_some(
    rng: np.random.Generator, microgrids: Sequence[dict[str, Any]], ties: Sequence[dict[str, Any]]
) -> None:
    """Have some switches closed before the first hour, as a forest."""
    ends: list[tuple[dict[str, Any], str, str]] = [
        *((tie, tie["from_microgrid"], tie["to_microgrid"]) for tie in ties),
        *((mg["pcc"], mg["id"], "feeder") for mg in microgrids),
    ]
    graph = nx.Graph()
    for k in rng.permutation(len(ends)):
        switch, a, b = ends[int(k)]
        graph.add_nodes_from((a, b))
        if rng.random() < 0.4 and not nx.has_path(graph, a, b):
            graph.add_edge(a, b)
            switch["initially_closed"] = True
