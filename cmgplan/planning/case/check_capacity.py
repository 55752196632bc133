"""Warnings where ratings and forecasts leave a microgrid or a branch too little room."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import acos, tan

import networkx as nx
import numpy as np
import numpy.typing as npt

from cmgplan.arrays import FloatArray
from cmgplan.case.folder import CASE_FILE
from cmgplan.devices import Forecasts
from cmgplan.errors import Fault
from cmgplan.planning.case.draft import Draft
from cmgplan.planning.case.records import Microgrid
from cmgplan.plurals import counted

TOLERANCE = 1e-6


@dataclass(frozen=True)
class Need:
    """What a microgrid must take in at least, all its devices helping, shape (T,).

    ``q_kvar`` is positive where it lacks reactive power and negative where it has too much.
    """

    p_kw: FloatArray
    q_kvar: FloatArray

    @property
    def s_kva(self) -> FloatArray:
        """Apparent power, kVA."""
        return np.hypot(self.p_kw, self.q_kvar)


def least_need(mg: Microgrid, h: Forecasts) -> Need:
    """Return what a microgrid must draw with its demand response, renewables, MT and storage."""
    p, q_low, q_high = (np.zeros(h.hours) for _ in range(3))
    q_load = np.zeros(h.hours)
    for load in mg.load:
        p += (1.0 - load.responsive_share) * load.base_kw(h)
        q_load += (1.0 - load.responsive_share) * load.base_kvar(h)
    for wt in mg.wt:
        available = wt.p_max_kw * h.profile(wt.forecast)
        p -= available
        q_low -= tan(acos(wt.power_factor_lead)) * available
        q_high += tan(acos(wt.power_factor_lag)) * available
    for pv in mg.pv:
        p -= pv.p_max_kw * h.profile(pv.forecast)
    for mt in mg.mt:
        p -= mt.p_max_kw
    for store in mg.stores():
        p -= store.p_discharge_max_kw * store.connected(h)
    q_low += sum(mt.q_min_kvar for mt in mg.mt) + sum(svc.q_min_kvar for svc in mg.svc)
    q_high += sum(mt.q_max_kvar for mt in mg.mt) + sum(svc.q_max_kvar for svc in mg.svc)
    lacking, excess = np.maximum(q_load - q_high, 0.0), np.minimum(q_load - q_low, 0.0)
    return Need(np.maximum(p, 0.0), lacking + excess)


def check_microgrid_supply(draft: Draft) -> Iterator[Fault]:
    """Yield warnings for microgrids without load or source, short of kvar, or with a small PCC."""
    h = draft.horizon
    for placed in draft.microgrids:
        mg, where = placed.record, placed.where
        if not mg.load:
            message = f"microgrid {mg.id} has no load"
            yield _warning(where, message, "add its load if it has one")
        if not any(True for device in mg.devices() if device.kind != "load"):
            message = f"microgrid {mg.id} has no device besides its load"
            yield _warning(where, message, "it is short in every hour in which it stands alone")
        if h is None or not _forecast_is_there(mg, h):
            continue
        need = least_need(mg, h)
        yield from _reactive_warning(where, mg, need)
        worst = int(np.argmax(need.s_kva))
        if need.s_kva[worst] > mg.pcc.rating_kva + TOLERANCE:
            message = (
                f"{mg.pcc.rating_kva:g} kVA is under the {need.s_kva[worst]:.1f} kVA that "
                f"microgrid {mg.id} must draw in hour {worst}"
            )
            mend = "raise it, unless ties carry the rest"
            yield _warning(f"{where}.pcc.rating_kva", message, mend)


def check_branches(draft: Draft) -> Iterator[Fault]:
    """Yield a warning for every branch rating under the load that it must carry at its peak."""
    h, network = draft.horizon, draft.network
    if h is None or network is None or draft.file is None or "lines" in draft.incomplete:
        return
    graph = nx.Graph()
    for index, placed in enumerate(draft.lines):
        if placed.record.in_service:
            graph.add_edge(placed.record.from_bus, placed.record.to_bus, index=index)
    radial = graph.number_of_edges() == sum(line.record.in_service for line in draft.lines)
    if network.slack_bus not in graph or not radial or not nx.is_tree(graph):
        return
    below = _loads(draft, h)
    if below is None or not below.keys() >= set(graph):
        return
    tree = nx.bfs_tree(graph, network.slack_bus)
    for bus in reversed(list(nx.topological_sort(tree))):
        for parent in tree.predecessors(bus):
            carried = np.abs(below[bus])
            worst = int(np.argmax(carried))
            line = draft.lines[graph.edges[parent, bus]["index"]]
            rating = line.record.rating_kva
            if rating is not None and carried[worst] > rating + TOLERANCE:
                message = (
                    f"rating_kva {rating:g} of line {line.record.line} is under the "
                    f"{carried[worst]:.1f} kVA of load behind it in hour {worst}"
                )
                mend = "raise it, unless microgrids behind it supply the rest"
                yield Fault(draft.line_file, line.where, message, mend, "warning")
            below[parent] = below[parent] + below[bus]


def _loads(draft: Draft, h: Forecasts) -> dict[str, npt.NDArray[np.complex128]] | None:
    """Return the least load of each bus, feeder and microgrids, kW + j kvar, shape (T,)."""
    network = draft.network
    if network is None:
        return None
    loads: dict[str, npt.NDArray[np.complex128]] = {}
    for placed in draft.buses:
        bus = placed.record
        profile = bus.profile if bus.profile is not None else network.load_profile
        if profile is not None and not _usable(profile, h):
            return None
        own = bus.responsive_share
        share = network.responsive_share if own is None else own
        kva = complex(bus.p_kw, bus.q_kvar) * (1.0 - share)
        loads[bus.bus] = np.asarray(kva * h.profile(profile), dtype=np.complex128)
    for microgrid in draft.microgrids:
        mg = microgrid.record
        if mg.bus not in loads or not _forecast_is_there(mg, h):
            return None
        need = least_need(mg, h)
        loads[mg.bus] = loads[mg.bus] + need.p_kw + 1j * need.q_kvar
    return loads


def _reactive_warning(where: str, mg: Microgrid, need: Need) -> Iterator[Fault]:
    """Yield a warning where a microgrid cannot balance reactive power alone."""
    hours = np.flatnonzero(np.abs(need.q_kvar) > TOLERANCE)
    if hours.size == 0:
        return
    worst = int(np.argmax(np.abs(need.q_kvar)))
    amount = abs(float(need.q_kvar[worst]))
    lacks = "lacks" if need.q_kvar[worst] > 0.0 else "cannot absorb"
    message = (
        f"microgrid {mg.id} alone {lacks} {amount:.1f} kvar in hour {worst}"
        f" ({counted(hours.size, 'such hour')})"
    )
    yield _warning(where, message, "add an svc or widen the MT's q limits, unless ties give it")


def _forecast_is_there(mg: Microgrid, h: Forecasts) -> bool:
    """Return whether every profile that a microgrid names can be used."""
    named = [load.profile for load in mg.load if load.profile is not None]
    named += [wt.forecast for wt in mg.wt] + [pv.forecast for pv in mg.pv]
    return all(_usable(name, h) for name in named)


def _usable(profile: str, h: Forecasts) -> bool:
    """Return whether a profile was read and has the right length."""
    return profile in h.profiles and len(h.profiles[profile]) == h.hours


def _warning(where: str, message: str, mend: str) -> Fault:
    """Return a warning about case.toml."""
    return Fault(CASE_FILE, where, message, mend, "warning")
