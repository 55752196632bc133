"""Places of the nodes of a tree on a drawing, so that no two branches cross.

The tree is drawn from its root to the right: a node stands as far right as it has branches to the
root, its longest continuation goes straight on, the others leave it upwards and downwards by
turns, each in rows of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

import networkx as nx

Node = TypeVar("Node", bound=Hashable)
Place = tuple[float, float]
Reach = dict[int, tuple[float, float]]


def tidy(
    tree: nx.DiGraph, root: Node, beside: Callable[[Node], bool] = lambda node: False
) -> dict[Node, Place]:
    """Return the place of every node of a tree.

    ``beside`` says of a node that it never stands in the straight line of its parent.
    """
    depth = nx.single_source_shortest_path_length(tree, root)
    order = list(depth)
    offset: dict[Node, float] = {root: 0.0}
    reach: dict[Node, Reach] = {}
    for node in reversed(order):
        children = sorted(
            tree.successors(node), key=lambda child: (beside(child), -len(reach[child]))
        )
        total = _join(node, children, reach, offset, beside)
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
    node: Node,
    children: list[Node],
    reach: dict[Node, Reach],
    offset: dict[Node, float],
    beside: Callable[[Node], bool],
) -> Reach:
    """Set the children's offsets from their parent and return how far they reach at each depth."""
    if not children:
        return {}
    first, *others = children
    total: Reach = reach[first]
    offset[first] = 0.0
    if beside(first):
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
