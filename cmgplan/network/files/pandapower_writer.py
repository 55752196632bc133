"""An hour of a plan as a pandapower network, and the check that it replays there.

In the tables of the network

- ``bus``: the feeder's buses by the case's ids, then one bus for each microgrid by its id; the
  column ``kind`` tells them apart (``feeder``, ``microgrid``), ``zone`` is a microgrid's cluster;
- ``line``: every line of the case, those out of service too, with its rating as a current;
- ``ext_grid``: the upstream network at the slack bus with its voltage;
- ``load``, ``sgen``, ``storage``: what stands at each bus in the hour, named ``MICROGRID DEVICE``,
  a feeder load by its bus. ``sgen.type`` is the kind: ``wt``, ``pv``, ``mt``, ``svc``;
- ``switch``: every switch of the case between two buses, by its id, ``closed`` as in the hour. An
  open one cuts: what hangs behind it has no voltage, as an islanded microgrid has none in a plan.
  Columns of our own: ``kind``, ``planned`` (closed in the plan), ``p_mw``, ``q_mvar`` (the plan's
  flow, from ``bus`` to ``element``, measured at ``bus``).

Closed switches have no impedance; as they form a forest with the feeder, the flow over each is
what the plan says. What a tie between clusters loses is a load ``loss of ID``. Where a plan allows
loops, a tie that closes one stands open (``planned`` stays true) between a load and an sgen
``flow of ID``.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import nan
from pathlib import Path
from typing import Any

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.network.files.snapshot import Snapshot, Unit, ideal_switches, with_tie_powers
from cmgplan.units import PerUnit, ka_from_pu, kw_from_mw, mw_from_kw

FREQUENCY_HZ = 50.0
"""It turns charging susceptance into capacitance and is written into the network."""

STORES = ("storage", "ev")
CONSUMERS = ("load", "tie loss")


@dataclass(frozen=True)
class NetSolution:
    """What pandapower's power flow says of a network file, by feeder bus id."""

    v_pu: dict[str, float]
    loss_kw: float


def write_pandapower(snapshot: Snapshot, path: Path) -> None:
    """Write an hour as pandapower JSON."""
    import pandapower as pp  # takes seconds

    pp.to_json(net_of_snapshot(snapshot), str(path))


def solve_pandapower(path: Path) -> NetSolution | None:
    """Read a network as a user would and run its power flow; None if it does not converge."""
    import pandapower as pp

    net = pp.from_json(str(path))
    try:
        pp.runpp(net, numba=False)
    except pp.LoadflowNotConverged:
        return None
    feeder = (net.bus["kind"] == "feeder").to_numpy()
    v_pu = net.res_bus.vm_pu.to_numpy()[feeder]
    return NetSolution(
        dict(zip(net.bus.name[feeder], v_pu.tolist(), strict=True)),
        kw_from_mw(float(net.res_line.pl_mw.sum())),
    )


def net_of_snapshot(snapshot: Snapshot) -> Any:
    """Return an hour as a pandapower network, tables as the module says."""
    import pandapower as pp

    net = copy.deepcopy(_empty_network())
    net.name = snapshot.name
    _add_buses(net, snapshot)
    pp.create_ext_grid(net, snapshot.slack, vm_pu=snapshot.v_slack_pu, name="upstream")
    _add_lines(net, snapshot)
    units = with_tie_powers(snapshot)
    _add_consumers(net, [u for u in units if _consumes(u)])
    _add_sources(net, [u for u in units if not _consumes(u) and u.kind not in STORES])
    _add_stores(net, [u for u in units if u.kind in STORES])
    _add_switches(net, snapshot)
    return net


@cache
def _empty_network() -> Any:
    """Return a network with empty tables, whose making takes longer than filling them."""
    import pandapower as pp

    return pp.create_empty_network(f_hz=FREQUENCY_HZ, sn_mva=1.0, add_stdtypes=False)


def _consumes(unit: Unit) -> bool:
    """Return whether a unit is a load; a flow over a tie is one where it leaves."""
    return unit.kind in CONSUMERS or (unit.kind == "tie flow" and unit.p_kw <= 0.0)


def _add_buses(net: Any, snapshot: Snapshot) -> None:
    import pandapower as pp

    nodes = snapshot.nodes
    pp.create_buses(
        net,
        len(nodes),
        vn_kv=[n.vn_kv for n in nodes],
        name=[n.id for n in nodes],
        type=["n" if n.cluster else "b" for n in nodes],
        zone=[n.cluster or None for n in nodes],
        min_vm_pu=[n.v_min_pu for n in nodes],
        max_vm_pu=[n.v_max_pu for n in nodes],
    )
    net.bus["kind"] = [n.kind for n in nodes]


def _add_lines(net: Any, snapshot: Snapshot) -> None:
    import pandapower as pp

    lines = snapshot.lines
    at = {n.id: k for k, n in enumerate(snapshot.nodes) if not n.cluster}
    base = PerUnit(snapshot.nodes[snapshot.slack].vn_kv)
    pp.create_lines_from_parameters(
        net,
        [at[line.from_bus] for line in lines],
        [at[line.to_bus] for line in lines],
        length_km=1.0,
        r_ohm_per_km=np.array([line.r_ohm for line in lines]),
        x_ohm_per_km=np.array([line.x_ohm for line in lines]),
        c_nf_per_km=np.array(
            [base.capacitance_nf(base.susceptance_pu(line.b_us), FREQUENCY_HZ) for line in lines]
        ),
        max_i_ka=np.array([_rating_ka(base, line.rating_kva) for line in lines]),
        name=[line.line for line in lines],
        in_service=[bool(line.in_service) for line in lines],
    )


def _rating_ka(base: PerUnit, rating_kva: float | None) -> float:
    """Return the current that a rating allows at nominal voltage; NaN, an empty cell, without."""
    if rating_kva is None:
        return nan
    return ka_from_pu(base.power_pu(rating_kva), base.vn_kv, mw_from_kw(base.s_base_kva))


def _powers(units: Sequence[Unit], sign: float) -> dict[str, FloatArray]:
    return {
        "p_mw": sign * mw_from_kw(np.array([u.p_kw for u in units])),
        "q_mvar": sign * mw_from_kw(np.array([u.q_kvar for u in units])),
    }


def _add_consumers(net: Any, units: Sequence[Unit]) -> None:
    import pandapower as pp

    if units:
        nodes, names = [u.node for u in units], [u.name for u in units]
        pp.create_loads(net, nodes, name=names, **_powers(units, -1.0))


def _add_sources(net: Any, units: Sequence[Unit]) -> None:
    import pandapower as pp

    if units:
        nodes, names = [u.node for u in units], [u.name for u in units]
        kinds = [u.kind for u in units]
        pp.create_sgens(net, nodes, name=names, type=kinds, **_powers(units, 1.0))


def _add_stores(net: Any, units: Sequence[Unit]) -> None:
    import pandapower as pp

    if units:
        pp.create_storages(
            net,
            [u.node for u in units],
            name=[u.name for u in units],
            type=[u.kind for u in units],
            max_e_mwh=mw_from_kw(np.array([u.energy_kwh for u in units])),
            soc_percent=100.0 * np.array([u.soc_kwh / u.energy_kwh for u in units]),
            **_powers(units, -1.0),
        )


def _add_switches(net: Any, snapshot: Snapshot) -> None:
    import pandapower as pp

    ideal, switches = ideal_switches(snapshot), snapshot.switches
    base = PerUnit(snapshot.nodes[snapshot.slack].vn_kv)
    pp.create_switches(
        net,
        [s.from_node for s in switches],
        [s.to_node for s in switches],
        et="b",
        closed=[s.id in ideal for s in switches],
        name=[s.id for s in switches],
        in_ka=[_rating_ka(base, s.rating_kva) for s in switches],
    )
    net.switch["kind"] = [s.kind for s in switches]
    net.switch["planned"] = [s.closed for s in switches]
    net.switch["p_mw"] = [mw_from_kw(s.p_kw) for s in switches]
    net.switch["q_mvar"] = [mw_from_kw(s.q_kvar) for s in switches]
