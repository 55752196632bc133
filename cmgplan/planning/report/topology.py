"""What the page shows of a case beside its tables: the feeder, microgrids, clusters, stores."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from cmgplan.planning.case.records import Case


@dataclass(frozen=True)
class Branch:
    """A line in service, its ids and impedance; no rating is infinite."""

    id: str
    from_bus: str
    to_bus: str
    r_ohm: float
    x_ohm: float
    b_us: float
    rating_kva: float


@dataclass(frozen=True)
class FeederView:
    """The feeder and what hangs on it, by id.

    Attributes
    ----------
    buses, slack
        Bus ids in the order of the case, and the one that the upstream grid feeds.
    vn_kv
        Nominal voltage.
    v_limits_pu
        Least and greatest voltage of each bus.
    branches
        Lines in service.
    microgrid_bus, cluster_of
        Bus and cluster of each microgrid, in the order of the case.
    ties
        Microgrids at the ends of each tie, and its kind.
    energy_kwh
        Capacity of each battery and fleet by microgrid and device.
    """

    buses: tuple[str, ...]
    slack: str
    vn_kv: float
    v_limits_pu: Mapping[str, tuple[float, float]]
    branches: tuple[Branch, ...]
    microgrid_bus: Mapping[str, str]
    cluster_of: Mapping[str, str]
    ties: Mapping[str, tuple[str, str, str]]
    energy_kwh: Mapping[tuple[str, str], float]

    def parents(self) -> dict[str, tuple[str, Branch]]:
        """Return the next bus towards the slack and the branch to it, nearest buses first.

        Of a feeder with loops these are branches of a tree with the fewest steps.
        """
        beside: dict[str, list[tuple[str, Branch]]] = {bus: [] for bus in self.buses}
        for branch in self.branches:
            beside[branch.from_bus].append((branch.to_bus, branch))
            beside[branch.to_bus].append((branch.from_bus, branch))
        found: dict[str, tuple[str, Branch]] = {}
        waiting = deque([self.slack])
        while waiting:
            bus = waiting.popleft()
            for other, branch in beside[bus]:
                if other != self.slack and other not in found:
                    found[other] = (bus, branch)
                    waiting.append(other)
        return found

    @property
    def is_radial(self) -> bool:
        """Whether every bus is fed by exactly one path."""
        return len(self.parents()) == len(self.branches) == len(self.buses) - 1


def feeder_view(case: Case) -> FeederView:
    """Return what the page shows of a case."""
    section = case.file.network
    return FeederView(
        buses=tuple(bus.bus for bus in case.buses),
        slack=section.slack_bus,
        vn_kv=case.buses[0].vn_kv,
        v_limits_pu={
            bus.bus: (
                section.v_min_pu if bus.v_min_pu is None else bus.v_min_pu,
                section.v_max_pu if bus.v_max_pu is None else bus.v_max_pu,
            )
            for bus in case.buses
        },
        branches=tuple(
            Branch(
                line.line,
                line.from_bus,
                line.to_bus,
                line.r_ohm,
                line.x_ohm,
                line.b_us,
                float("inf") if line.rating_kva is None else line.rating_kva,
            )
            for line in case.lines
            if line.in_service
        ),
        microgrid_bus={mg.id: mg.bus for mg in case.microgrids},
        cluster_of={mg.id: case.cluster_of(mg.id).id for mg in case.microgrids},
        ties={tie.id: (tie.from_microgrid, tie.to_microgrid, tie.kind) for tie in case.ties},
        energy_kwh={
            (mg.id, store.id): store.energy_kwh for mg in case.microgrids for store in mg.stores()
        },
    )
