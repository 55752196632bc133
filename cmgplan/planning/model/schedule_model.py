"""What a schedule model holds: its sets, variables and expressions, with unit and index.

Pyomo ships no types, so that a model is ``Any`` where it is made (``new_schedule``). Who makes one
says by a type of this file what it will hold; the builders then add these parts one after the
other. Every hour ``t`` is one of ``T``; powers are means over the hour, in kW and kvar.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Protocol, TypeGuard, TypeVar

from cmgplan.devices.base import Device

DeviceKey = tuple[str, str]
"""Microgrid id, device id."""

Key = TypeVar("Key", contravariant=True)
Part = TypeVar("Part", covariant=True)


class Indexed(Protocol[Key, Part]):
    """Parts of a model by index: variables, expressions, or blocks."""

    def __getitem__(self, key: Key, /) -> Part:
        """Return the part of one index."""

    def values(self) -> Iterable[Part]:
        """Return all parts in the order of their indices."""


ByHour = Indexed[int, Any]
"""Pyomo variables or expressions by hour."""

ByPlaceAndHour = Indexed[tuple[str, int], Any]
"""Pyomo variables or expressions by id and hour."""

ByPositionAndHour = Indexed[tuple[int, int], Any]
"""Pyomo variables or expressions by bus or branch position of the feeder, and hour."""


class DeviceBlock(Protocol):
    """Block of a device; see ``Device`` for what its record says of it.

    Attributes
    ----------
    p_inj, q_inj
        Injection into the microgrid, kW and kvar, by hour.
    cost_usd, emission_usd
        Its terms of f1 and f2, $ over the horizon.
    charge, discharge, soc
        Where it ``stores``: power at its terminals, kW, and energy at the end of the hour, kWh.
    gamma
        Where it ``responds``: demand as a share of the demand before response.
    unserved, unserved_q
        Of loads: demand that goes unserved, kW and kvar.
    curtailed
        Where it ``can_curtail``: power under the forecast, kW.
    on
        Where it ``commits``: binary, 1 in hours in which it may deliver.
    q
        Of compensators: reactive power, kvar.
    """

    p_inj: ByHour
    q_inj: ByHour
    cost_usd: Any
    emission_usd: Any
    charge: ByHour
    discharge: ByHour
    soc: ByHour
    gamma: ByHour
    unserved: ByHour
    unserved_q: ByHour
    curtailed: ByHour
    on: ByHour
    q: ByHour


class ScheduleModel(Protocol):
    """Schedule of microgrids: what devices do, and the exchange over ties and PCCs.

    Attributes
    ----------
    Constraint, Expression
        Pyomo's decorators that add rows or expressions from rules.
    MG, TIE, LOSSY
        Ids of microgrids, of ties, and of ties that lose power.
    T
        Hours, 0..T-1.
    DEV, dev
        Devices, loads first in each microgrid, and their blocks.
    free
        Records of the devices whose operation the model chooses, in the order of ``DEV``; blocks
        of others hold constants and have injections, cost and emission alone.
    has_feeder
        Whether a feeder's part stands: the model is a ``FeederModel`` then.
    p_tie, q_tie
        Power on a tie, measured at its from end and positive away from it, kW and kvar.
    tie_loss
        Loss of a tie in ``LOSSY``, kW.
    p_pcc, q_pcc
        Power through a microgrid's PCC, export positive, kW and kvar.
    f1, f2, f3
        Objectives (``add_objectives``): generation cost in $, emission cost in $, losses in kWh.
    operation_cost
        Cost of switch operations, a part of f1, $; not at Levels 5 and 6.
    """

    Constraint: Any
    Expression: Any
    MG: Collection[str]
    TIE: Collection[str]
    LOSSY: Collection[str]
    T: Collection[int]
    DEV: Collection[DeviceKey]
    dev: Indexed[DeviceKey, DeviceBlock]
    free: Mapping[DeviceKey, Device]
    has_feeder: bool
    p_tie: ByPlaceAndHour
    q_tie: ByPlaceAndHour
    tie_loss: ByPlaceAndHour
    p_pcc: ByPlaceAndHour
    q_pcc: ByPlaceAndHour
    f1: Any
    f2: Any
    f3: Any
    operation_cost: Any

    def add_component(self, name: str, component: Any, /) -> None:
        """Add a Pyomo component under a name."""


class FeederModel(ScheduleModel, Protocol):
    """Schedule on a feeder (``add_upstream`` in AC, ``add_relaxed_feeder`` in the relaxation).

    Attributes
    ----------
    p_sub, q_sub
        Power from the upstream network at the slack bus, import positive, kW and kvar, by hour.
    loss
        Losses of the feeder, kW, by hour.
    """

    p_sub: ByHour
    q_sub: ByHour
    loss: ByHour


class SwitchingModel(ScheduleModel, Protocol):
    """Schedule whose switches are binaries (``add_switching``).

    Attributes
    ----------
    MAY_CLOSE, closed
        Pairs of switch id and hour in which it may close; 1 where it is closed.
    forest
        Rows that keep closed switches from forming cycles, where operation is radial.
    SWITCH, operated, operations
        Where operations are counted: ids of all switches, 1 in hours with an operation (by switch
        and hour), and their number by switch.
    """

    MAY_CLOSE: Collection[tuple[str, int]]
    closed: ByPlaceAndHour
    forest: Any
    SWITCH: Collection[str]
    operated: ByPlaceAndHour
    operations: Indexed[str, Any]


class IslandedModel(SwitchingModel, Protocol):
    """Schedule of Levels 1 to 3, without the feeder.

    Attributes
    ----------
    unserved_kwh, cost_and_emission
        First and second goal: unserved energy in kWh, f1 + f2 in $.
    tie_break
        Third goal: curtailment, storage throughput and tie losses, each kWh with its weight.
    """

    unserved_kwh: Any
    cost_and_emission: Any
    tie_break: Any


class RelaxedModel(FeederModel, SwitchingModel, Protocol):
    """Convex mixed-integer relaxation of Level 4 on a reduced feeder; see ``add_branch_flow``.

    Attributes
    ----------
    p_flow, q_flow
        Power into a branch at its end nearer the slack, kW and kvar.
    current
        Squared current of a branch times the base power: pu * kVA, so that r times it is kW.
    w
        Squared voltage of a bus, pu.
    """

    p_flow: ByPositionAndHour
    q_flow: ByPositionAndHour
    current: ByPositionAndHour
    w: ByPositionAndHour


class UpperModel(FeederModel, Protocol):
    """Schedule of Levels 5 and 6, on the feeder with its own loads.

    Attributes
    ----------
    LOADED, feeder_load
        Bus ids of the feeder's own loads, and the blocks of these.
    """

    LOADED: Collection[str]
    feeder_load: Indexed[str, DeviceBlock]


def on_feeder(m: ScheduleModel) -> TypeGuard[FeederModel]:
    """Whether the feeder's part stands in a model."""
    return m.has_feeder


def committed(m: ScheduleModel) -> list[DeviceKey]:
    """Return the devices whose commitment a model chooses."""
    return [key for key, device in m.free.items() if device.commits]
