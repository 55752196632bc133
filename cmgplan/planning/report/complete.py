"""Whether every table of a run has the rows that its case asks for, each once, and no other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import pandas as pd

from cmgplan.errors import InputError
from cmgplan.planning.case.records import Case
from cmgplan.planning.report.table_forms import TABLES
from cmgplan.run.tables import Tables

Key = tuple[int | str, ...]


@dataclass(frozen=True)
class Names:
    """Ids by which the rows of tables go.

    ``own_buses`` are those that injections are told of, without the slack; ``loads`` the buses
    with a load of the feeder's own.
    """

    hours: int
    microgrids: tuple[str, ...]
    devices: tuple[tuple[str, str], ...]
    switches: tuple[str, ...]
    buses: tuple[str, ...]
    own_buses: tuple[str, ...]
    loads: tuple[str, ...]


def names_of_case(case: Case) -> Names:
    """Return the ids of a case."""
    buses = tuple(bus.bus for bus in case.buses)
    return Names(
        hours=case.file.time.hours,
        microgrids=tuple(mg.id for mg in case.microgrids),
        devices=tuple((mg.id, device.id) for mg in case.microgrids for device in mg.devices()),
        switches=(*(tie.id for tie in case.ties), *(mg.pcc.id for mg in case.microgrids)),
        buses=buses,
        own_buses=tuple(bus for bus in buses if bus != case.file.network.slack_bus),
        loads=tuple(load.id for load in case.feeder_load()),
    )


def names_in(tables: Tables, hours: int) -> Names:
    """Return the ids that the tables themselves tell, where the case cannot be read."""

    def told(stem: str, *columns: str, level: str | None = None) -> list[Key]:
        table = tables[stem] if level is None else tables[stem][tables[stem]["level"] == level]
        return list(dict.fromkeys(zip(*(table[name] for name in columns), strict=True)))

    def single(stem: str, column: str, level: str | None = None) -> tuple[str, ...]:
        return tuple(str(name) for (name,) in told(stem, column, level=level))

    return Names(
        hours=hours,
        microgrids=single("shortage", "microgrid"),
        devices=tuple(
            (str(mg), str(device)) for mg, device in told("dispatch", "microgrid", "device")
        ),
        switches=single("switch_schedule", "switch"),
        buses=single("bus_voltage", "bus"),
        own_buses=single("nodal_injection", "bus"),
        loads=single("demand_response", "place", "upper"),
    )


def wanted_rows(names: Names) -> dict[str, list[Key]]:
    """Return the keys of every row of every table, by file stem."""
    hours = range(names.hours)

    def at(levels: Sequence[int | str], places: Sequence[str]) -> list[Key]:
        return list(product(levels, hours, places))

    return {
        "shortage": at((1, 2, 3, 4), names.microgrids),
        "switch_schedule": list(product(hours, names.switches)),
        "dispatch": [
            (k, t, *pair) for k in (1, 2, 3, 4, 5) for t in hours for pair in names.devices
        ],
        "exchange": at((2, 3, 4, 5), names.switches),
        "nodal_injection": at(("lower", "upper"), names.own_buses),
        "bus_voltage": at(("lower", "upper", "without_cmg"), names.buses),
        "loss": [(t,) for t in hours],
        "upstream": [(t,) for t in hours],
        "demand_response": [*at(("lower",), names.microgrids), *at(("upper",), names.loads)],
    }


def wanted_of_point(names: Names, levels: Sequence[int] = (4,)) -> dict[str, list[Key]]:
    """Return the keys of every row of the tables of one Pareto point, told at these levels."""
    hours = range(names.hours)
    return {
        "switch_schedule": list(product(hours, names.switches)),
        "dispatch": [(k, t, *pair) for k in levels for t in hours for pair in names.devices],
        "exchange": list(product(levels, hours, names.switches)),
    }


def faults(stem: str, table: pd.DataFrame, wanted: Sequence[Key]) -> Iterator[tuple[str, str]]:
    """Yield a place and what is wrong for every row that is missing, foreign or there twice."""
    key = TABLES[stem].key
    given = list(zip(*(table[name].tolist() for name in key), strict=True))
    due, seen = set(wanted), set(given)
    for row in wanted:
        if row not in seen:
            yield f"{stem}.csv", f"has no row for {_told(key, row)}"
    for number, row in enumerate(given, start=2):
        if row not in due:
            yield f"{stem}.csv row {number}", f"{_told(key, row)} is not in the case"


def require_complete(tables: Tables, names: Names) -> None:
    """Raise InputError for the first row that is missing from a table or foreign to the case."""
    for stem, wanted in wanted_rows(names).items():
        for place, told in faults(stem, tables[stem], wanted):
            raise InputError(f"{place}: {told}; plan the case again")


def _told(names: Sequence[str], row: Key) -> str:
    """Return the key of a row in words: ``level 4, hour 3, MG1 load``."""
    plain = ("microgrid", "device", "switch", "place")
    ids = [str(value) for name, value in zip(names, row, strict=True) if name in plain]
    told = [f"{name} {value}" for name, value in zip(names, row, strict=True) if name not in plain]
    return ", ".join([*told, *([" ".join(ids)] if ids else [])])


def names_of(case: Case | None, hours: int, tables: Tables) -> Names:
    """Return the ids of the case, or those that the run tells where there is none."""
    return names_in(tables, hours) if case is None else names_of_case(case)
