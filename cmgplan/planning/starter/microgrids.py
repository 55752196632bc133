"""Two example microgrids for a feeder: where they stand and how large they are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import networkx as nx
import numpy as np

from cmgplan.case.records import Bus
from cmgplan.planning.starter.tables import LEAST_KW, FeederTables, rounded

LARGEST_SHARE = 0.05
"""Share of the feeder's load that a microgrid takes over at most."""

WITHOUT_LOAD_KW = 100.0
"""Load of an example microgrid on a feeder that has none."""

USUAL_POWER_FACTOR_TAN = 0.33


@dataclass(frozen=True)
class Example:
    """An example microgrid: its bus, and the peak of the load that it takes over from the bus."""

    bus: str
    p_kw: float
    q_kvar: float
    taken_over: bool

    def kw(self, share: float) -> float:
        """Return a rating as a share of the load, kW."""
        return rounded(share * self.p_kw, 2)

    @property
    def q_min_kvar(self) -> float:
        """Reactive power that its compensator can draw, as a negative number."""
        return -max(self.kw(0.2), rounded(1.2 * max(-self.q_kvar, 0.0), 2))

    @property
    def q_max_kvar(self) -> float:
        """Reactive power that its compensator can give: the load's with some to spare."""
        return max(self.kw(0.2), rounded(1.2 * max(self.q_kvar, 0.0), 2))

    @property
    def connection_kva(self) -> float:
        """Rating of its switch to the feeder: the load and a little to spare."""
        return rounded(1.2 * float(np.hypot(self.p_kw, self.q_kvar)), 2)


def with_examples(tables: FeederTables) -> tuple[FeederTables, tuple[Example, Example]]:
    """Return the feeder without what two example microgrids take over, and the two.

    They stand at loads far from the slack bus and from each other, both at one bus where only
    that has a load, so that the total of the loads stays; without any load they bring their own.
    """
    far = _distance_from(tables, tables.slack_bus)
    candidates = _candidates(tables)
    first = max(candidates, key=lambda bus: far[bus.bus])
    rest = [bus for bus in candidates if bus.bus != first.bus] or [first]
    apart = _distance_from(tables, first.bus)
    second = max(rest, key=lambda bus: min(far[bus.bus], apart[bus.bus]))
    examples = (_example(tables, first), _example(tables, second))
    buses = list(tables.buses)
    for example in examples:
        if example.taken_over:
            at = next(k for k, bus in enumerate(buses) if bus.bus == example.bus)
            buses[at] = _less(buses[at], example)
    return replace(tables, buses=tuple(buses)), examples


def _candidates(tables: FeederTables) -> list[Bus]:
    """Return the buses that a microgrid may stand at: those of the larger loads, if any."""
    others = [bus for bus in tables.buses if bus.bus != tables.slack_bus]
    loads = [bus for bus in others if bus.p_kw > LEAST_KW]
    if not loads:
        return others
    median = float(np.median([bus.p_kw for bus in loads]))
    large = [bus for bus in loads if bus.p_kw >= median]
    return large if len(large) > 1 else loads


def _example(tables: FeederTables, bus: Bus) -> Example:
    """Return a microgrid that takes over the load of a bus, or its share of a large one."""
    most = LARGEST_SHARE * tables.load_kw
    if LEAST_KW < bus.p_kw <= most:  # two such examples never share a bus
        return Example(bus.bus, bus.p_kw, bus.q_kvar, taken_over=True)
    if bus.p_kw > LEAST_KW:
        p_kw = min(rounded(most, 2), bus.p_kw)
        return Example(bus.bus, p_kw, rounded(bus.q_kvar * p_kw / bus.p_kw, 4), taken_over=True)
    p_kw = rounded(most, 2) or WITHOUT_LOAD_KW
    return Example(bus.bus, p_kw, rounded(USUAL_POWER_FACTOR_TAN * p_kw, 2), taken_over=False)


def _less(bus: Bus, example: Example) -> Bus:
    """Return a bus without the load that a microgrid takes over."""
    p_kw = rounded(bus.p_kw - example.p_kw)
    q_kvar = rounded(bus.q_kvar - example.q_kvar) if p_kw > 0.0 else 0.0
    return bus.model_copy(update={"p_kw": p_kw, "q_kvar": q_kvar})


def _distance_from(tables: FeederTables, bus: str) -> dict[str, float]:
    """Return the impedance between a bus and every other, ohm."""
    graph = nx.Graph()
    for line in tables.lines:
        graph.add_edge(line.from_bus, line.to_bus, ohm=abs(complex(line.r_ohm, line.x_ohm)))
    found: dict[str, float] = nx.single_source_dijkstra_path_length(graph, bus, weight="ohm")
    return found
