"""The feeder as arrays: per-unit impedances, limits, and the order of a radial network."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import networkx as nx
import numpy as np

from cmgplan.arrays import FloatArray, IntArray
from cmgplan.case.records import Bus, Line, NetworkSection
from cmgplan.units import PerUnit


@dataclass(frozen=True)
class Feeder:
    """Per-unit network of one voltage level; arrays indexed by bus or by branch position.

    Attributes
    ----------
    bus_ids, line_ids
        Ids in the order of the arrays, n buses and l branches in service.
    slack, v_slack_pu
        Position of the slack bus and the voltage it holds.
    v_min_pu, v_max_pu
        Voltage limits, shape (n,).
    from_bus, to_bus
        Bus positions of a branch's ends, shape (l,).
    r_pu, x_pu, b_pu
        Series resistance and reactance, and total charging of the pi model, shape (l,).
    i_max_pu
        Current limit of eq. (35), shape (l,); infinite where there is no rating.
    base
        Base of all per-unit values.
    """

    bus_ids: tuple[str, ...]
    slack: int
    v_slack_pu: float
    v_min_pu: FloatArray
    v_max_pu: FloatArray
    line_ids: tuple[str, ...]
    from_bus: IntArray
    to_bus: IntArray
    r_pu: FloatArray
    x_pu: FloatArray
    b_pu: FloatArray
    i_max_pu: FloatArray
    base: PerUnit

    @property
    def n_bus(self) -> int:
        """Number of buses."""
        return len(self.bus_ids)

    @property
    def n_line(self) -> int:
        """Number of branches in service."""
        return len(self.line_ids)

    def position(self, bus_id: str) -> int:
        """Return the position of a bus; ValueError if it is not in the feeder."""
        try:
            return self.bus_ids.index(bus_id)
        except ValueError:
            raise ValueError(f"bus {bus_id} is not in the feeder") from None

    def graph(self) -> nx.Graph:
        """Return the graph of bus positions; parallel branches appear as one edge."""
        graph = nx.Graph()
        graph.add_nodes_from(range(self.n_bus))
        graph.add_edges_from(zip(self.from_bus.tolist(), self.to_bus.tolist(), strict=True))
        return graph

    @property
    def is_connected(self) -> bool:
        """Whether every bus is tied to every other."""
        return bool(nx.is_connected(self.graph()))

    @property
    def is_radial(self) -> bool:
        """Whether the feeder is connected and without loops."""
        return self.n_line == self.n_bus - 1 and self.is_connected


class HasFeeder(Protocol):
    """A case with a feeder: rows of its tables, and its ``[network]``."""

    @property
    def buses(self) -> Sequence[Bus]:
        """Rows of buses.csv."""

    @property
    def lines(self) -> Sequence[Line]:
        """Rows of lines.csv."""

    @property
    def network(self) -> NetworkSection:
        """``[network]`` of case.toml."""


def build_feeder(case: HasFeeder) -> Feeder:
    """Return the feeder of a case, lines out of service left out."""
    section = case.network
    return feeder_from_tables(
        case.buses,
        case.lines,
        slack_bus=section.slack_bus,
        v_slack_pu=section.v_slack_pu,
        v_min_pu=section.v_min_pu,
        v_max_pu=section.v_max_pu,
    )


def feeder_from_tables(
    buses: Sequence[Bus],
    lines: Sequence[Line],
    *,
    slack_bus: str,
    v_slack_pu: float,
    v_min_pu: float,
    v_max_pu: float,
) -> Feeder:
    """Return the feeder of two tables, lines out of service left out.

    The voltage limits hold for buses that state none of their own. ValueError if the slack bus or
    a line's end is not among the buses, or if the buses differ in nominal voltage.
    """
    at = {bus.bus: k for k, bus in enumerate(buses)}
    used = [line for line in lines if line.in_service]
    unknown = {slack_bus, *(end for line in used for end in (line.from_bus, line.to_bus))} - set(at)
    if unknown:
        raise ValueError(f"not among the buses: {', '.join(sorted(unknown))}")
    if len({bus.vn_kv for bus in buses}) > 1:
        raise ValueError("the buses differ in nominal voltage; a feeder has one voltage level")
    base = PerUnit(buses[at[slack_bus]].vn_kv)
    return Feeder(
        bus_ids=tuple(at),
        slack=at[slack_bus],
        v_slack_pu=v_slack_pu,
        v_min_pu=np.array([v_min_pu if b.v_min_pu is None else b.v_min_pu for b in buses]),
        v_max_pu=np.array([v_max_pu if b.v_max_pu is None else b.v_max_pu for b in buses]),
        line_ids=tuple(line.line for line in used),
        from_bus=np.array([at[line.from_bus] for line in used], dtype=np.int64),
        to_bus=np.array([at[line.to_bus] for line in used], dtype=np.int64),
        r_pu=np.array([base.impedance_pu(line.r_ohm) for line in used], dtype=np.float64),
        x_pu=np.array([base.impedance_pu(line.x_ohm) for line in used], dtype=np.float64),
        b_pu=np.array([base.susceptance_pu(line.b_us) for line in used], dtype=np.float64),
        i_max_pu=np.array(
            [
                np.inf if line.rating_kva is None else base.power_pu(line.rating_kva)
                for line in used
            ],
            dtype=np.float64,
        ),
        base=base,
    )


def oriented(feeder: Feeder) -> Feeder:
    """Return a radial feeder with every branch pointing away from the slack.

    Branches come in breadth-first order, so that a branch's parent stands before it; buses keep
    their positions. ValueError if the feeder is not radial.
    """
    if not feeder.is_radial:
        raise ValueError("the feeder is not radial: it has a loop or falls into pieces")
    at_bus: list[list[int]] = [[] for _ in feeder.bus_ids]
    for k, ends in enumerate(zip(feeder.from_bus, feeder.to_bus, strict=True)):
        for end in ends:
            at_bus[end].append(k)
    order: list[int] = []
    parents: list[int] = []
    children: list[int] = []
    waiting, reached = deque([feeder.slack]), {feeder.slack}
    while waiting:
        bus = waiting.popleft()
        for k in at_bus[bus]:
            far = int(feeder.from_bus[k] + feeder.to_bus[k]) - bus
            if far not in reached:
                reached.add(far)
                waiting.append(far)
                order.append(k)
                parents.append(bus)
                children.append(far)
    return replace(
        feeder,
        line_ids=tuple(feeder.line_ids[k] for k in order),
        from_bus=np.array(parents, dtype=np.int64),
        to_bus=np.array(children, dtype=np.int64),
        r_pu=feeder.r_pu[order],
        x_pu=feeder.x_pu[order],
        b_pu=feeder.b_pu[order],
        i_max_pu=feeder.i_max_pu[order],
    )
