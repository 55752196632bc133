"""Where the buses and microgrids of a feeder stand on its map.

The feeder is a tree, drawn from the slack to the right: a bus stands as far right as it has
branches to the slack, its longest continuation goes straight on, the others leave it upwards and
downwards by turns, each in rows of its own. Lines of a tree so drawn do not cross.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import networkx as nx

from cmgplan.planning.report.topology import FeederView

LABEL_STEPS = 40.0
"""Steps from the slack over the width of a page for which a label reaches one step each way."""

Place = tuple[float, float]
Reach = dict[int, tuple[float, float]]


@dataclass(frozen=True)
class Layout:
    """Places of buses and of microgrids by id."""

    buses: dict[str, Place]
    microgrids: dict[str, Place]


def map_layout(view: FeederView) -> Layout:
    """Return the places; the same for the same feeder. Buses cut off from the slack have none."""
    tree = nx.DiGraph()
    tree.add_node(("bus", view.slack))
    for bus, (parent, _) in view.parents().items():
        tree.add_edge(("bus", parent), ("bus", bus))
    for microgrid, bus in view.microgrid_bus.items():
        if ("bus", bus) in tree:
            tree.add_edge(("bus", bus), ("microgrid", microgrid))
    places = _tidy(tree, ("bus", view.slack))
    return Layout(
        buses={name: at for (kind, name), at in places.items() if kind == "bus"},
        microgrids={name: at for (kind, name), at in places.items() if kind == "microgrid"},
    )


def label_sides(layout: Layout) -> list[str]:
    """Return on which side of each microgrid its label has room, as the drawing library says it.

    A label is about two fields of the drawing's grid wide, more where the feeder is long.
    """
    taken = {*layout.buses.values(), *layout.microgrids.values()}
    reach = max(1, ceil(max((x for x, _ in taken), default=0.0) / LABEL_STEPS))
    sides = []
    for x, y in layout.microgrids.values():
        row = range(-reach, reach + 1)
        fields = {
            "top center": {(x + d, y + 1.0) for d in row},
            "middle right": {(x + d, y) for d in range(1, 2 * reach + 1)},
            "bottom center": {(x + d, y - 1.0) for d in row},
            "middle left": {(x - d, y) for d in range(1, 2 * reach + 1)},
        }
        side = next((name for name, need in fields.items() if not need & taken), "top center")
        taken |= fields[side]
        sides.append(side)
    return sides


def _tidy(tree: nx.DiGraph, root: tuple[str, str]) -> dict[tuple[str, str], Place]:
    """Return the place of every node of a tree."""
    depth = nx.single_source_shortest_path_length(tree, root)
    order = list(depth)
    offset: dict[tuple[str, str], float] = {root: 0.0}
    reach: dict[tuple[str, str], Reach] = {}
    for node in reversed(order):
        children = sorted(
            tree.successors(node), key=lambda child: (child[0] == "microgrid", -len(reach[child]))
        )
        total = _join(node, children, reach, offset)
        total[depth[node]] = (0.0, 0.0)
        reach[node] = total
        for child in children:
            del reach[child]
    y = {root: 0.0}
    for node in order:
        for child in tree.successors(node):
            y[child] = y[node] + offset[child]
    return {node: (float(depth[node]), y[node]) for node in order}


def _join(
    node: tuple[str, str],
    children: list[tuple[str, str]],
    reach: dict[tuple[str, str], Reach],
    offset: dict[tuple[str, str], float],
) -> Reach:
    """Set the children's offsets from their parent and return how far they reach at each depth."""
    if not children:
        return {}
    first, *others = children
    # A microgrid stands beside its bus, never in the straight line of the feeder.
    total: Reach = reach[first]
    offset[first] = 0.0
    if first[0] == "microgrid":
        total, others = {}, children
    for k, child in enumerate(others):
        own = reach[child]
        below = k % 2 == 1
        gaps = [
            (total[d][1] - low + 1.0) if not below else (high - total[d][0] + 1.0)
            for d, (low, high) in own.items()
            if d in total
        ]
        shift = max([*gaps, 1.0])
        shift = -shift if below else shift
        offset[child] = shift
        for d, (low, high) in own.items():
            old = total.get(d, (low + shift, high + shift))
            total[d] = (min(old[0], low + shift), max(old[1], high + shift))
    return total
