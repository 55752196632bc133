"""Where the buses and microgrids of a feeder stand on its map.

The feeder is a tree, drawn from the slack to the right; see ``cmgplan.page.tree_layout``.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import networkx as nx

from cmgplan.page.tree_layout import Place, tidy
from cmgplan.planning.report.topology import FeederView

LABEL_STEPS = 40.0
"""Steps from the slack over the width of a page for which a label reaches one step each way."""


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
    # A microgrid stands beside its bus, never in the straight line of the feeder.
    root: tuple[str, str] = ("bus", view.slack)
    places = tidy(tree, root, lambda node: node[0] == "microgrid")
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
