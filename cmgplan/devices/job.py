"""A job that runs once, in one piece: a dishwasher, a washing machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

import numpy as np
import pyomo.environ as pyo
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.devices.base import (
    Breach,
    Conflict,
    Device,
    Flow,
    Flows,
    Forecasts,
    Positive,
    State,
    Step,
    Trace,
    breaches,
    complete,
)

DAY_H = 24.0
TOLERANCE_KW = 1e-4
TOLERANCE_H = 1e-6


def _window(value: object) -> object:
    """Let the window be a list, as TOML has it, and say what it must be."""
    pair = tuple(value) if isinstance(value, list | tuple) else ()
    hours = [at for at in pair if isinstance(at, int | float) and not isinstance(at, bool)]
    if len(hours) != 2 or len(pair) != 2 or not all(0.0 <= at <= DAY_H for at in hours):
        raise PydanticCustomError("window", "give two hours of the clock, from and to, in 0 to 24")
    return pair


Window = Annotated[tuple[float, float], BeforeValidator(_window)]
"""Hours of the clock from and to, the second not among them."""


class Job(Device):
    """Job of ``duration_h`` at ``p_kw``: response eqs. (88)-(90).

    It runs once in the horizon, in one piece, within ``window``, hours of the clock [from, to).
    A window whose end is before its beginning passes midnight: ``[22, 6]`` allows 22 to 24 and 0
    to 6. The run itself never passes the end of the horizon: in a day from midnight to midnight
    it lies before 6 or after 22.

    An ``optional`` job runs once or not at all; to have it done is worth ``value`` in the currency
    of the case, so that it runs where that costs no more.
    """

    kind: ClassVar[str] = "job"
    p_kw: Positive
    duration_h: Positive
    window: Window
    optional: bool = False
    value: Positive | None = None

    @property
    def window_h(self) -> float:
        """Length of the window, h."""
        begins, ends = self.window
        return DAY_H if ends - begins == DAY_H else (ends - begins) % DAY_H

    def intervals(self, h: Forecasts) -> int:
        """Return the number of intervals that it runs."""
        return max(round(self.duration_h / h.dt_h), 1)

    def allowed(self, h: Forecasts) -> BoolArray:
        """Return whether each interval lies within the window, shape (T,)."""
        if self.window_h == DAY_H:
            return np.ones(h.hours, dtype=np.bool_)
        clock = h.begins_h + h.dt_h * np.arange(h.hours)
        since = (clock - self.window[0] + TOLERANCE_H) % DAY_H - TOLERANCE_H
        return np.asarray(since + h.dt_h <= self.window_h + TOLERANCE_H)

    def starts(self, h: Forecasts) -> list[int]:
        """Return the intervals in which it may start."""
        allowed, n = self.allowed(h), self.intervals(h)
        return [t for t in range(h.hours - n + 1) if allowed[t : t + n].all()]

    def own_schedule(self, h: Forecasts) -> BoolArray | None:
        """Return whether it runs in each hour by its own rule, as early as it may; else None."""
        starts = self.starts(h)
        if not starts:
            return None
        schedule = np.zeros(h.hours, dtype=np.bool_)
        schedule[starts[0] : starts[0] + self.intervals(h)] = True
        return schedule

    def wants_binary(self, h: Forecasts) -> bool:
        """Return whether the block has a binary variable: where it may start more than once."""
        return len(self.starts(h)) > (0 if self.optional else 1)

    @property
    def worth(self) -> float:
        """What it is worth that it runs, currency; 0 where it has to."""
        return self.value or 0.0 if self.optional else 0.0

    def power_range(self, h: Forecasts) -> tuple[FloatArray, FloatArray]:
        """Return the least and the greatest injection of electricity, kW, each of shape (T,)."""
        return np.where(self.allowed(h), -self.p_kw, 0.0), np.zeros(h.hours)

    def conflicts(self) -> Iterator[Conflict]:
        """Yield what is wrong with the window, and a value without a choice or a choice without."""
        if self.optional and self.value is None:
            message = "the job is optional and has no value, so that it would never run"
            yield Conflict("value", message, "say what it may cost at most, in the case's currency")
        if self.value is not None and not self.optional:
            message = f"value {self.value:g} of a job that has to run decides nothing"
            yield Conflict("value", message, "write optional = true, or leave the value out")
        if self.duration_h > self.window_h:
            message = f"the window is {self.window_h:g} h long and the job {self.duration_h:g} h"
            yield Conflict("window", message, "widen the window or shorten the job")

    def conflicts_over(self, h: Forecasts) -> Iterator[Conflict]:
        """Yield a duration of no whole intervals, or a window without room for the job."""
        if self.duration_h > self.window_h:
            return
        if abs(self.duration_h - self.intervals(h) * h.dt_h) > TOLERANCE_H:
            message = f"duration_h {self.duration_h:g} is no multiple of dt_h {h.dt_h:g}"
            yield Conflict("duration_h", message, "give whole intervals")
        elif not self.starts(h):
            message = "in the hours of the case the window has no room for the job in one piece"
            yield Conflict("window", message, "widen the window or shorten the job")

    def add_to(self, b: pyo.Block, h: Forecasts) -> None:
        """Add one start, and ``on[t]`` from it: response eqs. (88)-(90)."""
        starts, n = set(self.starts(h)), self.intervals(h)
        b.start = pyo.Var(
            h.steps, domain=pyo.Binary, bounds=lambda b, t: (0, 1 if t in starts else 0)
        )
        begun = pyo.quicksum(b.start[t] for t in h.steps)
        b.once = pyo.Constraint(
            expr=begun <= 1 if self.optional else begun == 1,
            doc="it starts once, response (88), (89)",
        )
        b.money = pyo.Expression(expr=-self.worth * begun)
        b.on = pyo.Expression(
            h.steps,
            rule=lambda b, t: pyo.quicksum(b.start[s] for s in range(max(0, t - n + 1), t + 1)),
        )
        b.p_inj = pyo.Expression(
            h.steps, rule=lambda b, t: -self.p_kw * b.on[t], doc="power, kW, response (90)"
        )
        complete(b, h)

    def binaries(self, b: Any, h: Forecasts, flows: Flows) -> Iterator[tuple[Any, float]]:
        """Yield each binary variable of block ``b`` with the value that it has in a dispatch."""
        on = -flows.p_kw > 0.5 * self.p_kw
        begun = on & ~np.concatenate([[False], on[:-1]])
        yield from ((b.start[t], float(begun[t])) for t in h.steps)

    def simulate_flows(self, h: Forecasts, flows: Flows) -> Trace:
        """Step through the day; see ``Device.simulate_flows``."""
        on = -flows.p_kw > 0.5 * self.p_kw
        begun = on & ~np.concatenate([[False], on[:-1]])
        done = np.cumsum(on)
        n = self.intervals(h)
        again = begun & (np.cumsum(begun) > 1)
        short = np.zeros(h.hours)
        if done[-1] > 0 or not self.optional:
            short[-1] = max(n - int(done[-1]), 0)
        return Trace(
            money=-self.worth if on.any() else 0.0,
            state=np.asarray(h.dt_h * done, dtype=np.float64),
            breaches=[
                *breaches("p_kw", np.abs(-flows.p_kw - self.p_kw * on)),
                *breaches("window", np.where(on & ~self.allowed(h), self.p_kw, 0.0)),
                *breaches("one piece", again.astype(np.float64)),
                *breaches("duration_h", np.where(on & (done > n), h.dt_h, 0.0)),
                *breaches("duration_h", h.dt_h * short),
                *breaches("unity power factor", np.abs(flows.q_kvar)),
                *self.idle(flows),
            ],
        )

    def step(self, h: Forecasts, t: int, state: State, flow: Flow) -> Step:
        """Run one hour; the state is the hours run so far. See ``Device.step``."""
        on, n = -flow.p_kw > 0.5 * self.p_kw, self.intervals(h)
        done = round(state.level / h.dt_h) + int(on)
        found = [Breach(t, idle.limit, idle.excess) for idle in self.idle(flow.as_flows())]
        off_by = abs(-flow.p_kw - (self.p_kw if on else 0.0))
        if off_by > TOLERANCE_KW:
            found.append(Breach(t, "p_kw", off_by))
        if abs(flow.q_kvar) > TOLERANCE_KW:
            found.append(Breach(t, "unity power factor", abs(flow.q_kvar)))
        if on and not self.allowed(h)[t]:
            found.append(Breach(t, "window", self.p_kw))
        if on and not state.on and state.level > 0.0:
            found.append(Breach(t, "one piece", 1.0))
        if on and done > n:
            found.append(Breach(t, "duration_h", h.dt_h))
        if t == h.hours - 1 and done < n and (done > 0 or not self.optional):
            found.append(Breach(t, "duration_h", h.dt_h * (n - done)))
        first = on and state.level == 0.0
        return Step(State(h.dt_h * done, on=on), tuple(found), -self.worth if first else 0.0)
