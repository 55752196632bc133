"""The configuration, or the sequence of them, that loses least energy over the hours of a day."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.errors import InfeasibleError, InputError, LimitError, ReplayError
from cmgplan.network.reconfiguration.course import Course
from cmgplan.network.reconfiguration.day.loads import HourlyLoads
from cmgplan.network.reconfiguration.day.schedule import best_sequence
from cmgplan.network.reconfiguration.day.trees import HoursSolver, HoursTrees, SolvedHours
from cmgplan.network.reconfiguration.exchange import Trees, opened_in_sequence, search_trees
from cmgplan.network.reconfiguration.given import (
    SwitchedNetwork,
    TreeNetwork,
    tree_network,
    with_lone_tree_noted,
    without_bound,
)
from cmgplan.network.reconfiguration.proof import Proof
from cmgplan.network.reconfiguration.search import (
    REPLAY_TOLERANCE_PU,
    ReconfigureOptions,
    Tell,
    replayed,
    voltages,
)
from cmgplan.network.reconfiguration.tree import NO_FLOW, TreeFlow, broken_limits
from cmgplan.plurals import counted
from cmgplan.progress import ProgressEvent, telling

KICKS = 40
"""Kicks in a row without a gain after which branch exchange of a block ends."""

HEURISTIC_SHARE, HEURISTIC_S = 0.25, 30.0
"""Share of the time limit, and seconds, that branch exchange of all blocks may take."""

ARCS_TOGETHER = 400
"""Arcs of all copies of the network in one program; more take too long to prove."""

LEAST_COPIES = 2

POOL, LEAST_POOL = 300, 12
"""Configurations that sequences are made of, and those of least loss of each block at least."""


@dataclass(frozen=True)
class Block:
    """Hours ``from_hour`` to ``to_hour`` (the last one included) and their configuration.

    Losses and bound are energies, kWh; the bound holds for every configuration of the block.
    """

    from_hour: int
    to_hour: int
    closed: BoolArray
    open: tuple[tuple[str, str], ...]
    open_rows: tuple[int, ...]
    loss_kwh: float
    bound_kwh: float

    def summary(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        told = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "closed"}
        return {**told, "open": [list(pair) for pair in self.open],
                "open_rows": list(self.open_rows)}  # fmt: skip


@dataclass(frozen=True)
class DayReconfiguration:
    """Configurations of a day, and how far they are proven.

    Attributes
    ----------
    loss_kwh, bound_kwh
        Energy lost, and what no sequence of that many blocks falls below, with any number of
        operations between them.
    given_loss_kwh
        Of the network as it was given, None where that is not radial or has no power flow.
    operations
        Changes of switches between the blocks.
    loss_kw, given_loss_kw, v_min_pu
        By hour, shape (H,); the second is None as above.
    """

    loss_kwh: float
    bound_kwh: float
    given_loss_kwh: float | None
    status: Literal["optimal", "feasible"]
    blocks: tuple[Block, ...]
    operations: int
    max_operations: int | None
    loss_kw: FloatArray
    given_loss_kw: FloatArray | None
    v_min_pu: FloatArray
    replay_max_dv_pu: float
    wall_s: float
    notes: tuple[str, ...] = ()
    course: tuple[tuple[float, float | None, float], ...] = field(default=(), repr=False)

    @property
    def gap(self) -> float:
        """Return (loss - bound) / loss, 0 where there is no loss."""
        return 0.0 if self.loss_kwh <= 0.0 else (self.loss_kwh - self.bound_kwh) / self.loss_kwh

    def summary(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        given = self.given_loss_kw
        return {
            "loss_kwh": self.loss_kwh,
            "bound_kwh": self.bound_kwh,
            "gap": self.gap,
            "status": self.status,
            "given_loss_kwh": self.given_loss_kwh,
            "operations": self.operations,
            "max_operations": self.max_operations,
            "blocks": [block.summary() for block in self.blocks],
            "loss_kw": self.loss_kw.tolist(),
            "given_loss_kw": None if given is None else given.tolist(),
            "v_min_pu": self.v_min_pu.tolist(),
            "replay_max_dv_pu": self.replay_max_dv_pu,
            "wall_s": self.wall_s,
            "notes": list(self.notes),
        }


def reconfigure_day(
    network: SwitchedNetwork,
    loads: HourlyLoads,
    options: ReconfigureOptions | None = None,
    progress: Tell | None = None,
    *,
    blocks: int = 1,
    max_operations: int | None = None,
) -> DayReconfiguration:
    """Return one configuration for all hours, or one for each block of them, of least loss.

    Parameters
    ----------
    network, loads
        The network and its loads by hour; the network's own do not count.
    blocks
        Blocks of hours, as equal as can be.
    max_operations
        Most changes of switches between the blocks together; None where there is no limit.

    Raises
    ------
    InputError
        There are more blocks than hours, or buses that no source can feed.
    InfeasibleError
        In the hours of a block no radial configuration keeps the limits.
    LimitError
        None was found within the time limit.
    ReplayError
        The independent power flow contradicts an hour of the answer.
    """
    begun = time.perf_counter()
    if not 1 <= blocks <= loads.hours:
        raise InputError(f"{blocks} blocks: give 1 to {loads.hours}, the number of hours")
    if max_operations is not None and max_operations < 0:
        raise InputError(f"{max_operations} operations: give 0 or more")
    options, tell = options or ReconfigureOptions(), telling(progress)
    mean = replace(
        network.grid, p_load_pu=loads.p_pu.mean(axis=0), q_load_pu=loads.q_pu.mean(axis=0)
    )
    net = tree_network(replace(network, grid=mean))
    network = with_lone_tree_noted(network, net)
    if options.prove and not net.loses:
        network, options = without_bound(network, net), replace(options, prove=False)
    search = _Day(network, net, loads, options, begun, tell)
    search.run(list(np.array_split(np.arange(loads.hours), blocks)))
    return search.answer(max_operations)


class _Day:
    """Search for the configurations of all blocks."""

    def __init__(
        self,
        network: SwitchedNetwork,
        net: TreeNetwork,
        loads: HourlyLoads,
        options: ReconfigureOptions,
        begun: float,
        tell: Tell,
    ) -> None:
        self.network, self.net, self.loads, self.options = network, net, loads, options
        self._begun, self._tell = begun, tell
        self.solver = HoursSolver(net, loads.of_tree(net))
        self.stands = network.closed & net.may_close
        self.course = Course(begun)
        self._spans: list[list[int]] = []
        self._bounds: list[float] = []

    def run(self, spans: Sequence[Any]) -> None:
        """Find configurations and a bound of each block."""
        self._spans = [[int(t) for t in span] for span in spans]
        every = np.ones(self.loads.hours, dtype=np.bool_)
        whole = HoursTrees(self.solver, every, self._copies())
        share = min(HEURISTIC_SHARE * self.options.time_limit_s, HEURISTIC_S)
        turns = len(spans) + (len(spans) > 1)
        end = time.perf_counter() + share / turns
        held = [self._exchanged(whole, [], end)]
        views = [whole]
        if len(spans) > 1:
            views = []
            for span in self._spans:
                view = HoursTrees(self.solver, np.isin(np.arange(len(every)), span), self._copies())
                end = time.perf_counter() + share / turns
                held.append(self._exchanged(view, [held[0][0]], end))
                views.append(view)
            held = held[1:]
        for k, (view, (closed, flow)) in enumerate(zip(views, held, strict=True)):
            self._bounds.append(self._bound(view, closed, flow, len(views) - k))

    def _copies(self) -> int:
        return max(LEAST_COPIES, ARCS_TOGETHER // max(2 * int(self.net.may_close.sum()), 1))

    def _exchanged(
        self, trees: HoursTrees, starts: list[BoolArray], end: float
    ) -> tuple[BoolArray, TreeFlow]:
        """Return the best configuration of branch exchange for the hours of a view."""
        starts = [*starts, opened_in_sequence(self.net)]
        if trees.flow(self.stands).order is not None:
            starts.append(self.stands)
        closed, flow = search_trees(
            trees,
            starts,
            np.random.default_rng(self.options.seed),
            kicks=KICKS,
            over=lambda: time.perf_counter() > end,
        )
        if flow.feasible:
            kwh = self._kwh(flow.loss_pu * len(trees.hours))
            told = f"{kwh:,.3f} kWh in {counted(len(trees.hours), 'hour')}"
            self._tell(ProgressEvent("branch exchange", told, fraction=0.1))
        return closed, flow

    def _bound(self, view: Trees, closed: BoolArray, flow: TreeFlow, left: int) -> float:
        """Return the bound on the energy of a block, kWh, with a share of the time left."""
        hours = len(view.hours) if isinstance(view, HoursTrees) else 1
        if not self.options.prove:
            return 0.0
        rest = self._begun + self.options.time_limit_s - time.perf_counter()
        course = self.course if len(self._spans) == 1 else Course(self._begun)
        course.factor = self._kwh(hours)
        proof = Proof(
            view, closed, flow, self.options.gap, time.perf_counter() + rest / left, self._tell,
            course,
        )  # fmt: skip
        proof.run()
        if proof.infeasible and not proof.flow.feasible:
            raise InfeasibleError(
                "no radial configuration keeps the limits in all hours of a block (proven). "
                + self._nearest(view, proof.closed)
            )
        return self._kwh(proof.bound_pu * hours)

    def _nearest(self, view: Trees, closed: BoolArray) -> str:
        solved = self.solver.solve(closed)
        if solved is None or not isinstance(view, HoursTrees):
            return ""
        worst = int(view.hours[np.argmax(solved.broken_pu[view.hours])])
        flow = self._hour(solved, worst)
        broken = broken_limits(self.net, flow, self.network.grid.branches.ids)
        return f"The nearest one found breaks in hour {worst}: {'; '.join(broken[:3])}"

    def _kwh(self, loss_pu: float) -> float:
        return loss_pu * self.net.s_base_kva * self.loads.dt_h

    def _hour(self, solved: SolvedHours, t: int) -> TreeFlow:
        if not np.isfinite(solved.loss_pu[t]):
            return NO_FLOW
        loss, broken = float(solved.loss_pu[t]), float(solved.broken_pu[t])
        return TreeFlow(loss, broken, solved.order, solved.v_pu[t], solved.i_pu[t])

    # -- the answer ------------------------------------------------------------------------------

    def answer(self, max_operations: int | None) -> DayReconfiguration:
        """Return the best sequence of the configurations that were solved."""
        known = [solved for solved in self.solver.known.values() if solved is not None]
        losses = np.array([self._block_losses(solved) for solved in known]).T
        count = max(POOL // (len(losses) + 1), LEAST_POOL)
        rows = [*losses, losses.sum(axis=0)]
        kept = sorted({int(n) for row in rows for n in np.argsort(row, kind="stable")[:count]})
        states = np.array([known[n].closed for n in kept])
        total, sequence = best_sequence(losses[:, kept], states, max_operations)
        if not total < np.inf:
            raise LimitError(
                "no radial configuration within the limits was found for every hour, and none is "
                "proven not to exist; allow more time (--time-limit) or operations"
            )
        chosen = [known[kept[n]] for n in sequence]
        return self._told(chosen, max_operations)

    def _block_losses(self, solved: SolvedHours) -> list[float]:
        sound = np.where(solved.broken_pu == 0.0, solved.loss_pu, np.inf)
        return [float(sound[span].sum()) for span in self._spans]

    def _told(self, chosen: list[SolvedHours], max_operations: int | None) -> DayReconfiguration:
        blocks, bound = [], 0.0
        hourly, v_min = np.zeros(self.loads.hours), np.zeros(self.loads.hours)
        largest = 0.0
        for span, solved, block_bound in zip(self._spans, chosen, self._bounds, strict=True):
            loss = self._kwh(float(solved.loss_pu[span].sum()))
            opened = np.flatnonzero(~solved.closed)
            ends = tuple(self.network.ends(int(k)) for k in opened)
            rows = tuple(self.network.rows[int(k)] for k in opened)
            block_bound = min(block_bound, loss)
            bound += block_bound
            blocks.append(Block(span[0], span[-1], solved.closed, ends, rows, loss, block_bound))
            for t in span:
                hourly[t] = solved.loss_pu[t] * self.net.s_base_kva
                v, differs = self._replayed(solved, t)
                v_min[t], largest = float(np.abs(v).min()), max(largest, differs)
        loss = sum(block.loss_kwh for block in blocks)
        pairs = itertools.pairwise(chosen)
        operations = sum(int((one.closed != other.closed).sum()) for one, other in pairs)
        given, given_kw = self.solver.solve(self.stands), None
        if given is not None and np.isfinite(given.loss_pu).all():
            given_kw = given.loss_pu * self.net.s_base_kva
        optimal = loss - bound <= self.options.gap * loss
        self.course.factor = 1.0
        self.course.note(loss, bound)
        return DayReconfiguration(
            loss_kwh=loss,
            bound_kwh=bound,
            given_loss_kwh=None if given_kw is None else float(given_kw.sum() * self.loads.dt_h),
            status="optimal" if optimal else "feasible",
            blocks=tuple(blocks),
            operations=operations,
            max_operations=max_operations,
            loss_kw=hourly,
            given_loss_kw=given_kw,
            v_min_pu=v_min,
            replay_max_dv_pu=largest,
            wall_s=time.perf_counter() - self._begun,
            notes=self.network.notes,
            course=tuple(self.course.points),
        )

    def _replayed(self, solved: SolvedHours, t: int) -> tuple[FloatArray, float]:
        """Return the voltages of an hour, and their difference to the independent power flow."""
        v = voltages(self.network, self.net, self._hour(solved, t))
        grid = replace(
            self.network.grid, p_load_pu=self.loads.p_pu[t], q_load_pu=self.loads.q_pu[t]
        )
        differs = float(
            np.abs(replayed(replace(self.network, grid=grid), solved.closed, v) - v).max()
        )
        if not differs <= REPLAY_TOLERANCE_PU:
            raise ReplayError(
                f"FAILED: the independent power flow of hour {t} differs by {differs:.2g} pu"
            )
        return v, differs
