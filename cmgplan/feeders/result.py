"""What a run of these commands holds before it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.errors import InputError
from cmgplan.network.reconfiguration.day.loads import HourlyLoads, constant_loads
from cmgplan.network.reconfiguration.day.search import DayReconfiguration
from cmgplan.network.reconfiguration.ens import Restoration
from cmgplan.network.reconfiguration.given import SwitchedNetwork
from cmgplan.network.reconfiguration.search import Reconfiguration
from cmgplan.network.reliability.additions import Addition
from cmgplan.network.reliability.indices import (
    Reliability,
    ServedWhileCutOff,
    WantedWhileCutOff,
)
from cmgplan.network.reliability.read import ReliableFeeder

Aim = Literal["loss", "day", "ens"]


@dataclass(frozen=True)
class Configured:
    """A network with the configurations found for it.

    Attributes
    ----------
    aim
        Least loss of one hour, least energy lost over a day, or least load shed after a fault.
    network, loads
        The network as given, and its loads by hour.
    spans, states
        First and last hour of each block, and the branches closed in it, shape (l,).
    served
        Share of each bus's load that is served, shape (n,).
    summary
        What ``--json`` prints.
    course
        Seconds, value (None where none is held) and bound at each change.
    options
        How it was asked for.
    """

    aim: Aim
    network: SwitchedNetwork
    loads: HourlyLoads
    spans: tuple[tuple[int, int], ...]
    states: tuple[BoolArray, ...]
    served: FloatArray
    summary: Mapping[str, Any]
    course: tuple[tuple[float, float | None, float], ...]
    options: Mapping[str, Any]


def of_hour(
    network: SwitchedNetwork, found: Reconfiguration, options: Mapping[str, Any]
) -> Configured:
    """Return the configuration of least loss as a result to be written."""
    return Configured(
        "loss",
        network,
        constant_loads(network),
        ((0, 0),),
        (found.closed,),
        np.ones(network.grid.n_bus),
        found.summary(),
        found.course,
        options,
    )


def of_day(
    network: SwitchedNetwork,
    loads: HourlyLoads,
    found: DayReconfiguration,
    options: Mapping[str, Any],
) -> Configured:
    """Return the configurations of a day as a result to be written."""
    return Configured(
        "day",
        network,
        loads,
        tuple((block.from_hour, block.to_hour) for block in found.blocks),
        tuple(block.closed for block in found.blocks),
        np.ones(network.grid.n_bus),
        found.summary(),
        found.course,
        options,
    )


def of_fault(
    network: SwitchedNetwork, found: Restoration, options: Mapping[str, Any]
) -> Configured:
    """Return the configuration after a fault as a result to be written."""
    return Configured(
        "ens",
        network,
        constant_loads(network),
        ((0, 0),),
        (found.closed,),
        found.served,
        found.summary(),
        ((found.wall_s, found.shed_kw, found.bound_kw),),
        options,
    )


Interruption = tuple[str, float, int]
"""Load point, hours that an interruption lasts, and the clock's hour at which it begins."""


@dataclass(frozen=True)
class Supply:
    """What load points serve by themselves while cut off: functions, and what they answered.

    Attributes
    ----------
    functions
        For ``reliability``: what is served, and what is wanted; None without either.
    noted
        What is wanted and what is served, kW, of every interruption that was asked for.
    """

    functions: tuple[ServedWhileCutOff | None, WantedWhileCutOff | None] = (None, None)
    noted: dict[Interruption, tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def noting(cls, served: ServedWhileCutOff | None, wanted: WantedWhileCutOff | None) -> Supply:
        """Return two functions that note what they answer; ``served`` is asked first."""
        if served is None or wanted is None:
            return cls()
        noted: dict[Interruption, tuple[float, float]] = {}

        def both(bus: str, begin: float, hours: float) -> tuple[float, float]:
            key = bus, hours, round(begin)
            if key not in noted:
                noted[key] = wanted(bus, begin, hours), served(bus, begin, hours)
            return noted[key]

        return cls((lambda *asked: both(*asked)[1], lambda *asked: both(*asked)[0]), noted)

    @classmethod
    def known(cls, noted: Mapping[Interruption, tuple[float, float]]) -> Supply:
        """Return two functions that look up what was noted; InputError where nothing was."""

        def both(bus: str, begin: float, hours: float) -> tuple[float, float]:
            if (bus, hours, round(begin)) not in noted:
                raise InputError(
                    f"islands.csv: nothing on {hours:g} h at bus {bus} from {begin:g}:00; run the "
                    "command again"
                )
            return noted[bus, hours, round(begin)]

        if not noted:
            return cls()
        return cls((lambda *asked: both(*asked)[1], lambda *asked: both(*asked)[0]), dict(noted))


@dataclass(frozen=True)
class ReliabilityStudy:
    """Indices of a feeder, with what single additions would save.

    Attributes
    ----------
    name
        Of the folder or case that the feeder was read from.
    restore
        What ties may bring back: ``topology`` or ``limits``.
    islands
        What homes serve while cut off: ``none``, or by the rules of the ``building``.
    supply
        What they want and serve, kW, by interruption.
    """

    name: str
    feeder: ReliableFeeder
    found: Reliability
    additions: tuple[Addition, ...] = field(default=())
    restore: str = "topology"
    wall_s: float = 0.0
    islands: str = "none"
    supply: Mapping[Interruption, tuple[float, float]] = field(default_factory=dict)
