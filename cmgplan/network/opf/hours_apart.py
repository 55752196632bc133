"""An optimal power flow whose hours are solved one by one, and joined again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cmgplan.arrays import FloatArray, IntArray
from cmgplan.network.opf.ladder import RUNGS, Climbed
from cmgplan.network.opf.model import Layout
from cmgplan.solve.outcome import Outcome, Stop
from cmgplan.solve.templates import Instance

ALIKE = 0.01
"""Relative change of loads and limits up to which coupled hours begin at their last answer."""

NOISE_PU = 1e-6


@dataclass(frozen=True)
class Answered:
    """What was solved last, and its answers."""

    instance: Instance
    outcomes: tuple[Outcome, ...]

    def near(self, instance: Instance, layout: Layout) -> Outcome | None:
        """Return the answer if coupled hours of an instance promise to be answered alike.

        Where the hours change their order by price, energy moves to other hours, and a cold
        start is faster; so it is where loads or limits change by more than a little.
        """
        names = ("lbx", "ubx", "lbg", "ubg")
        for old, new in ((getattr(self.instance, k), getattr(instance, k)) for k in names):
            if not np.allclose(old, new, rtol=ALIKE, atol=NOISE_PU):
                return None

        def order(prices: FloatArray) -> IntArray:
            hourly = prices[: layout.hours * layout.width].reshape(layout.hours, layout.width)
            return np.argsort(hourly[:, layout.at("p")], axis=0, kind="stable")

        same = np.array_equal(order(self.instance.linear), order(instance.linear))
        return self.outcomes[0] if same else None


def hours_apart(instance: Instance, hours: int) -> list[Instance]:
    """Return each hour of an instance whose hours nothing couples."""
    names = ("lbx", "ubx", "lbg", "ubg", "linear", "quadratic", "start")
    parts = {name: getattr(instance, name).reshape(hours, -1) for name in names}
    share = instance.constant / hours
    return [
        Instance(constant=share, **{name: part[t] for name, part in parts.items()})
        for t in range(hours)
    ]


def joined(climbed: Sequence[Climbed]) -> Climbed:
    """Return the hours' answers as one: the highest rung, and the first failure if there is one."""
    iterations = sum(part.iterations for part in climbed)
    last = climbed[-1]
    if not last.outcome.accepted:
        return replace(last, iterations=iterations)
    outcomes = [part.outcome for part in climbed]
    worst = next((o for o in outcomes if o.stop is not Stop.LOCAL_OPTIMUM), last.outcome)
    highest = max(climbed, key=lambda part: RUNGS.index(part.rung))
    return Climbed(
        replace(
            worst,
            value=sum(o.value for o in outcomes if o.value is not None),
            x=np.concatenate([o.values() for o in outcomes]),
            multipliers=None,
        ),
        highest.rung,
        iterations,
    )
