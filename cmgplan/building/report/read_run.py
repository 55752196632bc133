"""A finished run of the building, read from its folder."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

from cmgplan.building.report.run_record import STEP_NAMES, BuildingRecord
from cmgplan.building.result import WAYS
from cmgplan.building.tables import TABLES, forms_of
from cmgplan.errors import CmgplanError, InputError
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.day import Day
from cmgplan.homes.day.read_tables import read_dispatch, require_rows
from cmgplan.homes.report.run_folder import AGAIN, RunOfHomes, load_copy, read_record
from cmgplan.run.tables import Tables, read_tables

SYSTEM = "building"


@dataclass(frozen=True)
class BuildingRun(RunOfHomes[BuildingRecord]):
    """A finished run of the building as read from its folder."""

    def days(self, case: HomesCase) -> list[Day]:
        """Return the day of both ways as the tables hold it."""
        return [Day(way, read_dispatch(case, self.tables, way, case.ids)) for way in WAYS]


def read_building(folder: Path | str) -> BuildingRun:
    """Read the folder of a run of the building.

    Raises
    ------
    InputError
        It is no such run, or a file of it is missing or damaged.
    CaseError
        Its copy of the case cannot be used any more.
    """
    folder = Path(folder)
    record = read_record(folder, BuildingRecord, SYSTEM)
    case = load_copy(folder, record.case)
    run = BuildingRun(folder, record, read_tables(forms_of(case), folder, AGAIN))
    told = {"case.homes": list(record.case.homes), "units": list(record.units)}
    told |= {f"sharings.{name}": list(s.share) for name, s in record.sharings.items()}
    for key, names in told.items():
        if sorted(names) != sorted(case.ids):
            words = f"{key} are not the homes of the case"
            raise InputError(f"{folder / 'run.json'}: {words}; {AGAIN}")
    try:
        require_rows(case, run.tables, dict.fromkeys(WAYS, case.ids))
        _require_steps(case, run.tables)
        _require_feeder(case, run.tables)
    except CmgplanError as error:
        raise InputError(f"{folder}/{error}") from None
    return run


def _require_steps(case: HomesCase, tables: Tables) -> None:
    """Raise InputError unless there is a row for every way, step, hour and unit, and no other."""
    due = set(product(WAYS, STEP_NAMES, range(case.hours), case.ids))
    told = set(tables["steps"][list(TABLES["steps"].key)].itertuples(index=False, name=None))
    for rows, words in ((told - due, "does not belong to the case"), (due - told, "is missing")):
        if rows:
            way, step, hour, unit = min(rows, key=lambda row: tuple(map(str, row)))
            place = f"way {way}, step {step}, hour {hour}, unit {unit}"
            raise InputError(f"steps.csv: the row of {place} {words}; {AGAIN}")


def _require_feeder(case: HomesCase, tables: Tables) -> None:
    """Raise InputError unless ``feeder`` has a row for every scenario, hour and bus."""
    if "feeder" not in tables:
        return
    scenarios = [mix.name for mix in case.file.building.load_mix]
    due = set(product(scenarios, range(case.hours), [bus.bus for bus in case.buses]))
    rows = tables["feeder"][["scenario", "hour", "bus"]].itertuples(index=False, name=None)
    told = list(rows)
    for wrong, words in ((set(told) - due, "does not belong"), (due - set(told), "is missing")):
        if wrong:
            scenario, hour, bus = min(wrong, key=lambda row: tuple(map(str, row)))
            place = f"scenario {scenario}, hour {hour}, bus {bus}"
            raise InputError(f"feeder.csv: the row of {place} {words}; {AGAIN}")
    if len(told) > len(due):
        raise InputError(f"feeder.csv: a bus has two lines in an hour; {AGAIN}")
