"""The radial configuration of least loss: a value, a bound and the gap between them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.errors import InfeasibleError, InputError, LimitError, ReplayError
from cmgplan.network.opf.grid_replay import replay_voltages
from cmgplan.network.reconfiguration.course import Course
from cmgplan.network.reconfiguration.exchange import Trees, opened_in_sequence, search_trees
from cmgplan.network.reconfiguration.given import (
    SwitchedNetwork,
    TreeNetwork,
    source_voltages,
    tree_network,
    with_lone_tree_noted,
    without_bound,
)
from cmgplan.network.reconfiguration.proof import Proof
from cmgplan.network.reconfiguration.tree import TreeFlow, broken_limits
from cmgplan.plurals import counted
from cmgplan.progress import ProgressEvent, telling

Tell = Callable[[ProgressEvent], None]

KICKS = 150
"""Kicks in a row without a gain after which branch exchange ends."""

HEURISTIC_SHARE, HEURISTIC_S = 0.25, 10.0
"""Share of the time limit, and seconds, that branch exchange may take."""

REPLAY_TOLERANCE_PU = 1e-6
"""Difference of voltages over which the independent power flow contradicts an answer."""

SHOWN_BREAKS = 5
"""Broken limits that an explanation names."""


@dataclass(frozen=True)
class ReconfigureOptions:
    """How a configuration is looked for.

    Attributes
    ----------
    gap
        Relative gap, (loss - bound) / loss, within which a configuration is called optimal.
    time_limit_s
        Seconds that all of it may take; infinite where there is no limit.
    seed
        Seed of the kicks.
    prove
        Whether a bound is looked for at all.
    """

    gap: float = 1e-3
    time_limit_s: float = np.inf
    seed: int = 1
    prove: bool = True

    def __post_init__(self) -> None:
        """Refuse limits that mean nothing."""
        if not 0.0 < self.gap < 1.0:
            raise InputError(f"gap {self.gap:g}: give a share between 0 and 1, as in 0.001")
        if not self.time_limit_s > 0.0:
            raise InputError(f"time limit {self.time_limit_s:g}: give more than 0 seconds")


@dataclass(frozen=True)
class Reconfiguration:
    """A radial configuration, and how far it is proven.

    Attributes
    ----------
    loss_kw, bound_kw
        Its loss, and what no radial configuration within the limits falls below.
    given_loss_kw
        Loss of the network as it was given, None where that is not radial or has no power flow.
    status
        ``optimal`` where the gap is within what was asked, else ``feasible``.
    closed
        State of each branch, shape (l,).
    open, open_rows
        Buses and rows (counted from 1) of the branches that are open.
    v_min_pu
        Least voltage.
    replay_max_dv_pu
        Largest difference to the voltages of the independent power flow.
    wall_s
        Time taken, s.
    notes
        What does not count in this answer, a sentence each.
    course
        Seconds, value (None where none is held yet) and bound at each change, kW.
    """

    loss_kw: float
    bound_kw: float
    given_loss_kw: float | None
    status: Literal["optimal", "feasible"]
    closed: BoolArray
    open: tuple[tuple[str, str], ...]
    open_rows: tuple[int, ...]
    v_min_pu: float
    replay_max_dv_pu: float
    wall_s: float
    notes: tuple[str, ...] = ()
    course: tuple[tuple[float, float | None, float], ...] = field(default=(), repr=False)

    @property
    def gap(self) -> float:
        """Return (loss - bound) / loss, 0 where there is no loss."""
        return 0.0 if self.loss_kw <= 0.0 else (self.loss_kw - self.bound_kw) / self.loss_kw

    def summary(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {
            "loss_kw": self.loss_kw,
            "bound_kw": self.bound_kw,
            "gap": self.gap,
            "status": self.status,
            "open": [list(pair) for pair in self.open],
            "open_rows": list(self.open_rows),
            "v_min_pu": self.v_min_pu,
            "replay_max_dv_pu": self.replay_max_dv_pu,
            "wall_s": self.wall_s,
            "given_loss_kw": self.given_loss_kw,
            "notes": list(self.notes),
        }


def reconfigure(
    network: SwitchedNetwork,
    options: ReconfigureOptions | None = None,
    progress: Tell | None = None,
) -> Reconfiguration:
    """Return the radial configuration of least loss that is found, and a bound on all others.

    Parameters
    ----------
    network
        The network; see ``read_switched``.
    options
        Gap, time limit and seed.
    progress
        Is told each step.

    Raises
    ------
    InputError
        Buses that no source can feed.
    InfeasibleError
        No radial configuration keeps the limits, with what the nearest one breaks.
    LimitError
        None was found within the time limit.
    ReplayError
        The independent power flow contradicts the answer.
    """
    begun = time.perf_counter()
    options, tell = options or ReconfigureOptions(), telling(progress)
    end = begun + options.time_limit_s
    net = tree_network(network)
    network = with_lone_tree_noted(network, net)
    if options.prove and not net.loses:
        network, options = without_bound(network, net), replace(options, prove=False)
    trees = Trees(net)
    given = trees.flow(network.closed & net.may_close)
    tell(
        ProgressEvent(
            "branch exchange", f"{net.n_bus} buses, {counted(net.n_branch, 'branch', 'branches')}"
        )
    )
    course = Course(begun, net.s_base_kva)
    closed, flow = _heuristic(network, trees, options, begun, course)
    bound = 0.0
    if flow.feasible:
        told = f"{flow.loss_pu * net.s_base_kva:,.4f} kW after {trees.solved} power flows"
        tell(ProgressEvent("branch exchange", told, fraction=0.1))
    if options.prove:
        proof = Proof(trees, closed, flow, options.gap, end, tell, course)
        proof.run()
        closed, flow, bound = proof.closed, proof.flow, proof.bound_pu
        if not flow.feasible and proof.infeasible:
            raise InfeasibleError(_no_configuration(network, net, flow))
    if not flow.feasible:
        raise LimitError(
            "no radial configuration within the limits was found, and none is proven not to "
            "exist; allow more time (--time-limit). " + _nearest(network, net, flow)
        )
    if given.feasible and given.loss_pu <= flow.loss_pu:
        closed, flow = network.closed & net.may_close, given
    network = _with_given_breaks(network, net, given)
    bound = min(bound, flow.loss_pu)
    course.note(flow.loss_pu, bound)
    found = _answer(network, net, closed, flow, bound, given, options, begun)
    return replace(found, course=tuple(course.points))


def _with_given_breaks(
    network: SwitchedNetwork, net: TreeNetwork, given: TreeFlow
) -> SwitchedNetwork:
    """Return the network, with a note where it breaks limits as given: it may lose less so."""
    if given.feasible or not given.loss_pu < np.inf:
        return network
    broken = broken_limits(net, given, network.grid.branches.ids)
    more = f" and {len(broken) - 1} more" if len(broken) > 1 else ""
    note = f"the network as given breaks limits: {broken[0]}{more}"
    return replace(network, notes=(*network.notes, note))


def _heuristic(
    network: SwitchedNetwork,
    trees: Trees,
    options: ReconfigureOptions,
    begun: float,
    course: Course,
) -> tuple[BoolArray, TreeFlow]:
    net = trees.net
    share = min(HEURISTIC_SHARE * options.time_limit_s, HEURISTIC_S)
    starts = [opened_in_sequence(net)]
    stands = network.closed & net.may_close
    if trees.flow(stands).order is not None:
        starts.append(stands)
    return search_trees(
        trees,
        starts,
        np.random.default_rng(options.seed),
        kicks=KICKS,
        over=lambda: time.perf_counter() > begun + share,
        found=lambda flow: course.note(flow.loss_pu if flow.feasible else np.inf, 0.0),
    )


def _no_configuration(network: SwitchedNetwork, net: TreeNetwork, flow: TreeFlow) -> str:
    return "no radial configuration keeps the limits (proven). " + _nearest(network, net, flow)


def _nearest(network: SwitchedNetwork, net: TreeNetwork, flow: TreeFlow) -> str:
    """Return what the nearest configuration that was found breaks."""
    broken = broken_limits(net, flow, network.grid.branches.ids)
    rest = len(broken) - SHOWN_BREAKS
    more = f" and {rest} more" if rest > 0 else ""
    return f"The nearest one found: {'; '.join(broken[:SHOWN_BREAKS])}{more}"


def _answer(
    network: SwitchedNetwork,
    net: TreeNetwork,
    closed: BoolArray,
    flow: TreeFlow,
    bound: float,
    given: TreeFlow,
    options: ReconfigureOptions,
    begun: float,
) -> Reconfiguration:
    v = voltages(network, net, flow)
    largest = float(np.abs(replayed(network, closed, v) - v).max())
    if not largest <= REPLAY_TOLERANCE_PU:
        raise ReplayError(f"FAILED: the independent power flow differs by {largest:.2g} pu")
    opened = np.flatnonzero(~closed)
    kw = net.s_base_kva
    optimal = flow.loss_pu - bound <= options.gap * flow.loss_pu
    return Reconfiguration(
        loss_kw=flow.loss_pu * kw,
        bound_kw=bound * kw,
        given_loss_kw=given.loss_pu * kw if given.loss_pu < np.inf else None,
        status="optimal" if optimal else "feasible",
        closed=closed,
        open=tuple(network.ends(int(k)) for k in opened),
        open_rows=tuple(network.rows[int(k)] for k in opened),
        v_min_pu=float(np.abs(v).min()),
        replay_max_dv_pu=largest,
        wall_s=time.perf_counter() - begun,
        notes=network.notes,
    )


def voltages(network: SwitchedNetwork, net: TreeNetwork, flow: TreeFlow) -> FloatArray:
    """Return the voltage magnitudes of all buses of the network, pu."""
    if flow.order is None or flow.v_pu is None:
        raise ValueError("a configuration without a power flow has no voltages")
    every = np.zeros(net.n_bus)
    every[flow.order.bus] = np.abs(flow.v_pu)
    v = every[net.at]
    at = network.grid.reference
    v[at] = source_voltages(network.grid)[at]
    return np.asarray(v, dtype=np.float64)


def replayed(network: SwitchedNetwork, closed: BoolArray, v_pu: FloatArray) -> FloatArray:
    """Return the voltages that pandapower's Newton method gives for a configuration, pu."""
    grid, lines = network.grid, network.grid.branches
    used = np.flatnonzero(closed)
    arrays = {
        name: np.asarray(getattr(lines, name))[used]
        for name in lines.__dataclass_fields__
        if name != "ids"
    }
    radial = replace(
        grid, branches=replace(lines, ids=tuple(lines.ids[k] for k in used), **arrays), origin=None
    )
    sources = np.zeros(len(grid.generators))
    return replay_voltages(radial, v_pu, np.zeros(grid.n_bus), sources, sources)
