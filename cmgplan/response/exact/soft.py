"""The day with limits that may give: which of them must, so that all load is served."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pyomo.environ as pyo

from cmgplan.arrays import FloatArray
from cmgplan.devices import HomeLoad
from cmgplan.homes.accounts.ledger import Carrier
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.homes.optimum.result import OptimumPoint
from cmgplan.homes.optimum.solve import Question
from cmgplan.response.case.emission import burners, greatest_kg_per_h
from cmgplan.response.exact.model import ResponseDay
from cmgplan.response.exact.owner import ResponseOwner
from cmgplan.response.model.penalty import Penalties
from cmgplan.response.model.policy import PolicyOfHome

Kind = Literal["emax", "shift", "import", "source"]

DEARER = 1e-3
"""What a new source counts more than a limit of the case, so that of equals a limit is told."""


@dataclass(frozen=True)
class Soft:
    """A limit that may give, in any hours.

    Attributes
    ----------
    kind, carrier
        What is limited.
    homes
        Ids of the homes that it is a limit of.
    limit
        The limit by hour, kW or kg/h, shape (T,); zeros where it is a source that is not there.
    """

    kind: Kind
    carrier: Carrier
    homes: tuple[str, ...]
    limit: FloatArray


class SoftDay(ResponseDay):
    """The day of a case in which Emax, shifting, the retailer's limits and sources may give.

    Attributes
    ----------
    soft
        The limits; ``m.gives[k]`` is 1 where limit k gives, ``m.given`` their sum over the day.
    """

    def __init__(
        self, case: HomesCase, policies: Mapping[str, PolicyOfHome], penalties: Penalties
    ) -> None:
        self.soft = list(_soft_limits(case, policies))
        free = {home: _unbound(case, policy) for home, policy in policies.items()}
        super().__init__(_without_import_limits(case), free, penalties, elastic=True)
        for home in case.ids:
            for load in movable(case, home):
                block = next(p.block for p in self.placed() if (p.home, p.device) == (home, load))
                for t, kw in enumerate(load.base_kw(self.h)):
                    block.down[t].setub(float(kw))
        self._add_soft()

    def forbid(self, giving: Sequence[int]) -> None:
        """Let these limits not give all together any more."""
        self.m.forbidden.add(pyo.quicksum(self.m.gives[k] for k in giving) <= len(giving) - 1)

    def goals(self) -> dict[str, Any]:
        """Return the goals of the day, how many limits give, and by how much."""
        return {**super().goals(), "gives": self.m.gives_in_all, "given": self.m.given}

    def goals_of(self, day: Dispatch) -> dict[str, float]:
        """Return the exact value of each goal in a day; the new ones as the model has them."""
        mine = {name: float(pyo.value(self.goals()[name])) for name in ("gives", "given")}
        return {**super().goals_of(day), **mine}

    def _add_soft(self) -> None:
        """Add a binary for each limit and rows that let it give in any hour."""
        m, steps = self.m, self.h.steps
        which = range(len(self.soft))
        m.gives = pyo.Var(which, domain=pyo.Binary)
        m.give = pyo.Var(which, steps, bounds=(0.0, None))
        m.forbidden = pyo.ConstraintList(doc="limits that were found before")
        m.gives_in_all, m.given = pyo.Var(), pyo.Var()
        m.kept_or_given = pyo.ConstraintList(doc="limits that may give, kW or kg/h")
        blocks = {home.id: m.home[i] for i, home in enumerate(self.case.homes)}
        for k, soft in enumerate(self.soft):
            for t in steps:
                used = self._used(soft, blocks, t)
                m.kept_or_given.add(used <= float(soft.limit[t]) + m.give[k, t])
                m.kept_or_given.add(m.give[k, t] <= self._most(soft) * m.gives[k])
        weights = [1.0 + (DEARER if soft.kind == "source" else 0.0) for soft in self.soft]
        m.count = pyo.Constraint(
            expr=m.gives_in_all == pyo.quicksum(w * m.gives[k] for k, w in enumerate(weights))
        )
        m.amount = pyo.Constraint(expr=m.given == self.h.dt_h * pyo.quicksum(m.give.values()))
        for b in blocks.values():  # too much of a carrier is no need
            for t in steps:
                b.surplus["electricity", t].fix(0.0)
                b.surplus["heat", t].fix(0.0)

    def _used(self, soft: Soft, blocks: Mapping[str, Any], t: int) -> Any:
        """Return what is limited in hour t."""
        mine = [blocks[home] for home in soft.homes]
        if soft.kind == "emax":
            return pyo.quicksum(b.own[t] for b in mine)
        if soft.kind == "import":
            return pyo.quicksum(b.imported[t] for b in mine)
        if soft.kind == "source":
            return pyo.quicksum(b.short[soft.carrier, t] for b in mine)
        loads = {(home, load.id) for home in soft.homes for load in movable(self.case, home)}
        return pyo.quicksum(
            p.block.down[t] for p in self.placed() if (p.home, p.device.id) in loads
        )

    def _most(self, soft: Soft) -> float:
        """Return by how much a limit gives at most: what all devices of its homes can use."""
        most = 0.0
        for home in self.case.homes:
            if home.id not in soft.homes and soft.kind != "import":
                continue
            for device in home.devices():
                if soft.kind == "emax":
                    burns = burners((device,))
                    most += sum(greatest_kg_per_h(self.case, burner) for burner in burns)
                    continue
                heat = soft.carrier == "heat"
                low, _ = device.heat_range(self.h) if heat else device.power_range(self.h)
                most += float(-np.minimum(low, 0.0).min())
        return most


def movable(case: HomesCase, home_id: str) -> list[HomeLoad]:
    """Return the electric loads of a home some of which may move."""
    home = next(home for home in case.homes if home.id == home_id)
    return [
        device
        for device in home.devices()
        if isinstance(device, HomeLoad) and device.shiftable and device.carrier == "electricity"
    ]


def _soft_limits(case: HomesCase, policies: Mapping[str, PolicyOfHome]) -> Iterator[Soft]:
    """Yield the limits of a case that may give."""
    ids, h, zero = case.ids, case.forecasts(), np.zeros(case.hours)
    for home, policy in policies.items():
        if policy.emission_max_kg_per_h is not None:
            yield Soft("emax", "electricity", (home,), policy.emission_max_kg_per_h)
        if movable(case, home):
            yield Soft("shift", "electricity", (home,), policy.leave_max_kw)
    retailer = case.file.retailer
    if retailer is not None and retailer.power_max_kw is not None:
        for home in ids:
            yield Soft("import", "electricity", (home,), h.series(retailer.power_max_kw))
    if retailer is not None and retailer.power_max_total_kw is not None and len(ids) > 1:
        yield Soft("import", "electricity", ids, h.series(retailer.power_max_total_kw))
    carriers: tuple[Carrier, ...] = ("electricity", "heat")
    for carrier in carriers:
        pooled = case.file.pool.heat if carrier == "heat" else case.file.pool.electricity
        for homes in [ids] if pooled else [(home,) for home in ids]:
            yield Soft("source", carrier, homes, zero)


def _unbound(case: HomesCase, policy: PolicyOfHome) -> PolicyOfHome:
    """Return a policy without the limits that may give."""
    everywhere = np.ones(case.hours, dtype=np.bool_)
    return replace(
        policy,
        may_leave=everywhere,
        leave_max_kw=np.full(case.hours, np.inf),
        emission_max_kg_per_h=None,
    )


def _without_import_limits(case: HomesCase) -> HomesCase:
    """Return a case whose retailer sells any power."""
    retailer = case.file.retailer
    if retailer is None:
        return case
    free = retailer.model_copy(update={"power_max_kw": None, "power_max_total_kw": None})
    return replace(case, file=case.file.model_copy(update={"retailer": free}))


class SoftOwner(ResponseOwner):
    """All homes as one party whose limits may give.

    Attributes
    ----------
    given
        By the id of a dispatch that was found: by how much each limit gives, kW or kg/h, shape
        (limits, T).
    """

    def __init__(self, case: HomesCase, model: SoftDay) -> None:
        super().__init__(case, model, 0.0)
        self._soft_model = model
        self.given: dict[int, FloatArray] = {}

    def recompile(self) -> None:
        """Give HiGHS the model anew, which has got rows."""
        self._problem = None

    def _counts_emission(self, question: Question) -> bool:
        return True

    def _point(self, x: FloatArray, question: Question) -> OptimumPoint:
        point = super()._point(x, question)
        give, steps = self._soft_model.m.give, self._soft_model.h.steps
        which = range(len(self._soft_model.soft))
        self.given[id(point.dispatch)] = np.array(
            [[float(pyo.value(give[k, t])) for t in steps] for k in which]
        ).reshape(len(which), len(steps))
        return point
