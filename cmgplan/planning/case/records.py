"""What a case holds: one immutable record for each thing that the user gives.

Ids are text; a number in a file is read as text (bus 23 is ``"23"``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from cmgplan.arrays import FloatArray
from cmgplan.case.records import Bus, Line, NetworkSection, TimeSection
from cmgplan.devices.base import (
    Device,
    Forecasts,
    Id,
    NonNegative,
    Positive,
    Record,
    total_emission_usd_per_mwh,
)
from cmgplan.devices.load import Load
from cmgplan.devices.microturbine import MicroTurbine
from cmgplan.devices.solar import Photovoltaic
from cmgplan.devices.storage import Storage
from cmgplan.devices.svc import StaticVarCompensator
from cmgplan.devices.vehicle import ElectricVehicle
from cmgplan.devices.wind import WindTurbine
from cmgplan.errors import Fault


class GridSection(Record):
    """``[grid]`` of case.toml: the upstream network behind the slack bus.

    ``price_column`` names the column of the profiles file with the hourly price in $/MWh.
    """

    price_column: Id = "price_usd_per_mwh"
    emission_usd_per_mwh: dict[str, NonNegative]


class Pcc(Record):
    """Switch between a microgrid and its feeder bus, the point of common coupling."""

    id: Id
    rating_kva: Positive
    initially_closed: bool = False


class Microgrid(Record):
    """A microgrid: one node with devices, tied to the feeder at ``bus``."""

    id: Id
    bus: Id
    pcc: Pcc
    load: tuple[Load, ...] = ()
    wt: tuple[WindTurbine, ...] = ()
    pv: tuple[Photovoltaic, ...] = ()
    mt: tuple[MicroTurbine, ...] = ()
    storage: tuple[Storage, ...] = ()
    ev: tuple[ElectricVehicle, ...] = ()
    svc: tuple[StaticVarCompensator, ...] = ()

    def renewables(self) -> Iterator[WindTurbine | Photovoltaic]:
        """Yield wind turbines and photovoltaic plants."""
        yield from self.wt
        yield from self.pv

    def devices(self) -> Iterator[Device]:
        """Yield every device, loads first, in the order of the file within a kind."""
        yield from self.load
        yield from self.wt
        yield from self.pv
        yield from self.mt
        yield from self.storage
        yield from self.ev
        yield from self.svc

    def stores(self) -> Iterator[Storage]:
        """Yield batteries and vehicle fleets."""
        yield from self.storage
        yield from self.ev


class Cluster(Record):
    """A group of microgrids that may be tied to each other."""

    id: Id
    microgrids: Annotated[tuple[Id, ...], Field(min_length=1)]


class Tie(Record):
    """Switchable line between two microgrids.

    ``kind`` is ``"microgrid"`` within one cluster (no losses, as in the paper) or ``"cluster"``
    between two, which loses ``R I^2`` at the nominal voltage ``vn_kv``.
    """

    id: Id
    kind: Literal["microgrid", "cluster"]
    from_microgrid: Id
    to_microgrid: Id
    rating_kva: Positive
    r_ohm: NonNegative = 0.0
    vn_kv: Positive | None = None
    initially_closed: bool = False


class UpperWeights(Record):
    """Weights zeta of eq. (38); they sum to 1."""

    cost: NonNegative = 1.0 / 3.0
    emission: NonNegative = 1.0 / 3.0
    loss: NonNegative = 1.0 / 3.0


class PlanOptions(Record):
    """How a case is planned: ``[plan]`` of case.toml, overridden by the command line.

    Attributes
    ----------
    points, sweep, select
        Epsilon points of the front, the way they are laid, and a point to take instead of the
        fuzzy choice.
    hierarchy
        ``"levels"`` masks switches by what the level below left over, ``"joint"`` does not.
    minlp
        Solver of the mixed-integer problem of Level 4.
    gap, time_limit_s
        Gap under which a point counts as optimal, and the time that a point may take.
    radial
        Whether closed ties and PCC switches must form a forest with the feeder as one node.
    operation_cost_usd, operation_limit
        Cost of a switch operation, and operations allowed per switch and horizon.
    soc_balance
        ``"energy"`` or ``"power"``: eq. (14) as printed.
    zeta, normalise, upper_emissions, coupling
        Upper level: weights, division by the values without microgrids, whose emissions count,
        and whether the exchange of microgrids may move.
    jobs
        Threads that may work at once; the answer does not depend on it, the time does.
    """

    points: Annotated[int, Field(ge=2)] = 10
    sweep: Literal["diagonal", "grid"] = "diagonal"
    select: Annotated[int, Field(ge=1)] | None = None
    hierarchy: Literal["levels", "joint"] = "levels"
    minlp: Literal["decomposition", "highs", "bonmin"] = "decomposition"
    gap: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.01
    time_limit_s: Positive = 120.0
    radial: bool = True
    operation_cost_usd: NonNegative = 0.0
    operation_limit: Annotated[int, Field(ge=0)] | None = None
    soc_balance: Literal["energy", "power"] = "energy"
    zeta: UpperWeights = UpperWeights()
    normalise: bool = True
    upper_emissions: Literal["all", "paper"] = "all"
    coupling: Literal["switches", "fixed"] = "switches"
    jobs: Annotated[int, Field(ge=1)] = 2

    @property
    def most_points(self) -> int:
        """Points that the sweep may have."""
        return self.points if self.sweep == "diagonal" else self.points**2


class CaseFile(Record):
    """The whole of case.toml. ``format`` is the version of this format."""

    format: Literal[1]
    system: Literal["planning"] = "planning"
    name: Annotated[str, Field(min_length=1)]
    title: str = ""
    profiles: str = "profiles.csv"
    time: TimeSection
    network: NetworkSection
    grid: GridSection
    cluster: tuple[Cluster, ...]
    microgrid: tuple[Microgrid, ...]
    tie: tuple[Tie, ...] = ()
    plan: PlanOptions = PlanOptions()


@dataclass(frozen=True)
class Case:
    """A case that has been read and found usable.

    Attributes
    ----------
    file
        Contents of case.toml.
    buses, lines
        Rows of the network tables, in the order of the files.
    profiles
        Columns of the profiles file other than the hour, each of shape (T,).
    folder
        Where it was read from.
    begins_h
        Hour of the clock at which interval 0 begins, 0 at midnight.
    warnings
        What was found that stops no plan.
    """

    file: CaseFile
    buses: tuple[Bus, ...]
    lines: tuple[Line, ...]
    profiles: Mapping[str, FloatArray]
    folder: Path
    begins_h: float = 0.0
    warnings: tuple[Fault, ...] = ()

    @property
    def name(self) -> str:
        """Name of the case."""
        return self.file.name

    @property
    def options(self) -> PlanOptions:
        """Plan options that the case asks for."""
        return self.file.plan

    @property
    def network(self) -> NetworkSection:
        """``[network]`` of case.toml."""
        return self.file.network

    @property
    def microgrids(self) -> tuple[Microgrid, ...]:
        """Microgrids in the order of the file."""
        return self.file.microgrid

    @property
    def clusters(self) -> tuple[Cluster, ...]:
        """Clusters in the order of the file."""
        return self.file.cluster

    @property
    def ties(self) -> tuple[Tie, ...]:
        """Ties in the order of the file."""
        return self.file.tie

    @property
    def price_usd_per_mwh(self) -> FloatArray:
        """Hourly energy price, shape (T,)."""
        return self.profiles[self.file.grid.price_column]

    @property
    def grid_emission_usd_per_mwh(self) -> float:
        """Emission price of upstream energy, all pollutants, $/MWh."""
        return total_emission_usd_per_mwh(self.file.grid.emission_usd_per_mwh)

    def microgrid(self, microgrid_id: str) -> Microgrid:
        """Return a microgrid by its id."""
        return next(mg for mg in self.microgrids if mg.id == microgrid_id)

    def cluster_of(self, microgrid_id: str) -> Cluster:
        """Return the cluster of a microgrid."""
        return next(c for c in self.clusters if microgrid_id in c.microgrids)

    def horizon(self, options: PlanOptions | None = None) -> Forecasts:
        """Return the hours, prices and forecasts."""
        chosen = self.options if options is None else options
        return Forecasts(
            hours=self.file.time.hours,
            dt_h=self.file.time.dt_h,
            price_usd_per_mwh=self.price_usd_per_mwh,
            profiles=self.profiles,
            soc_balance=chosen.soc_balance,
            begins_h=self.begins_h,
        )

    def feeder_load(self) -> tuple[Load, ...]:
        """Return the feeder's own loads, one for each bus that has any, id = bus id."""
        section = self.file.network
        return tuple(
            Load(
                id=bus.bus,
                p_kw=bus.p_kw,
                q_kvar=bus.q_kvar,
                profile=bus.profile if bus.profile is not None else section.load_profile,
                responsive_share=(
                    bus.responsive_share
                    if bus.responsive_share is not None
                    else section.responsive_share
                ),
            )
            for bus in self.buses
            if bus.p_kw != 0.0 or bus.q_kvar != 0.0
        )

    def microgrid_load_kva(self, microgrid_id: str) -> npt.NDArray[np.complex128]:
        """Return a microgrid's demand before response as complex kW + j kvar, shape (T,)."""
        h = self.horizon()
        total = np.zeros(h.hours, dtype=np.complex128)
        for load in self.microgrid(microgrid_id).load:
            total += load.base_kw(h) + 1j * load.base_kvar(h)
        return total
