"""Cases of any system as feeders: where commands about feeders meet the systems."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cmgplan.errors import InputError

if TYPE_CHECKING:
    from cmgplan.network.reconfiguration.day.loads import HourlyLoads
    from cmgplan.network.reconfiguration.given import SwitchedNetwork
    from cmgplan.network.reliability.indices import ServedWhileCutOff, WantedWhileCutOff
    from cmgplan.network.reliability.read import ReliableFeeder

Islands = Literal["none", "building"]

LOADS = "loads.csv"


@dataclass(frozen=True)
class GivenFeeder:
    """A feeder for the indices, and what its load points serve and want while cut off."""

    feeder: ReliableFeeder
    name: str
    served: ServedWhileCutOff | None = None
    wanted: WantedWhileCutOff | None = None


def of_homes(path: Path) -> bool:
    """Return whether a path names a case of homes."""
    from cmgplan.systems import HOMES, system_of

    return _has_case(path) and system_of(path) == HOMES


def _has_case(path: Path) -> bool:
    from cmgplan.case.bundled import find_case
    from cmgplan.case.folder import CASE_FILE, CaseFolder

    return (CaseFolder.at(find_case(path)).path / CASE_FILE).is_file()


def switched(path: Path, mix: str | None) -> SwitchedNetwork:
    """Return a network file, or the feeder of a case of any system, for reconfiguration."""
    if of_homes(path):
        from cmgplan.homes.feeder.network import switched_of_homes
        from cmgplan.systems import load_case

        return switched_of_homes(load_case(path, system="homes"), mix)
    from cmgplan.planning.case.network import read_switched_network

    _refuse_mix(path, mix)
    return read_switched_network(path)


def by_hour(path: Path, mix: str | None) -> HourlyLoads:
    """Return the loads of a case's feeder by hour."""
    from cmgplan.systems import load_case

    if of_homes(path):
        from cmgplan.homes.feeder.network import hourly_loads_of_homes

        return hourly_loads_of_homes(load_case(path, system="homes"), mix)
    from cmgplan.planning.case.network import hourly_loads

    return hourly_loads(load_case(path, system="planning"))


def reliable(path: Path, islands: str, mix: str | None) -> GivenFeeder:
    """Return the feeder of a folder of tables, or of a case of any system.

    Raises
    ------
    InputError
        Islands are asked for where no homes stand on the feeder.
    CaseError
        The tables cannot be used.
    """
    from cmgplan.case.bundled import find_case
    from cmgplan.case.folder import CaseFolder
    from cmgplan.network.reliability.read import read_reliable_feeder

    if islands not in ("none", "building"):
        raise InputError(f"--islands {islands}: give none or building")
    if not _has_case(path) or (CaseFolder.at(find_case(path)).path / LOADS).is_file():
        _refuse_islands(path, islands)
        _refuse_mix(path, mix)
        return GivenFeeder(read_reliable_feeder(path), CaseFolder.at(path).path.resolve().name)
    if of_homes(path):
        return _homes(path, islands, mix)
    _refuse_islands(path, islands)
    _refuse_mix(path, mix)
    return _planning(path)


def _homes(path: Path, islands: str, mix: str | None) -> GivenFeeder:
    from cmgplan.building.feeder.islands import Islands as BuildingIslands
    from cmgplan.homes.feeder.network import reliable_of_homes, wanted_while_cut_off
    from cmgplan.systems import load_case

    case = load_case(path, system="homes")
    feeder = reliable_of_homes(case, mix)
    if islands == "none":
        return GivenFeeder(feeder, case.name)
    served = BuildingIslands(case, mix)
    return GivenFeeder(feeder, case.name, served, wanted_while_cut_off(case, mix))


def _planning(path: Path) -> GivenFeeder:
    """Return a planning case's feeder: mean loads, microgrids' loads among them."""
    from cmgplan.network.reliability.of_lines import feeder_of_lines
    from cmgplan.network.reliability.read import LoadPoint
    from cmgplan.planning.case.network import hourly_loads
    from cmgplan.systems import load_case
    from cmgplan.units import S_BASE_KVA

    case = load_case(path, system="planning")
    loads = hourly_loads(case)
    p_kw, q_kvar = (S_BASE_KVA * each.mean(axis=0) for each in (loads.p_pu, loads.q_pu))
    points = [
        LoadPoint(bus=bus.bus, p_kw=float(p), q_kvar=float(q), customers=bus.customers or 0.0)
        for bus, p, q in zip(case.buses, p_kw, q_kvar, strict=True)
        if p > 0.0 or bus.customers
    ]
    network = case.network
    feeder = feeder_of_lines(
        case.lines, points, source=network.slack_bus, vn_kv=case.buses[0].vn_kv, file=network.lines
    )
    return GivenFeeder(feeder, case.name)


def _refuse_islands(path: Path, islands: str) -> None:
    if islands != "none":
        raise InputError(
            f"--islands {islands}: {path} is no case of homes; leave out --islands, or hand in a "
            "function from Python (see docs/reliability.md)"
        )


def _refuse_mix(path: Path, mix: str | None) -> None:
    if mix is not None:
        raise InputError(f"--mix {mix}: {path} is no case of homes; leave out --mix")
