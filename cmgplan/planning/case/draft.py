"""A case as far as it can be read: each sound record, and what the faulty ones declare."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from pydantic import ValidationError

from cmgplan.case.days import TIME, TIME_COLUMNS, begins_h, rows_left, rows_of_plan
from cmgplan.case.draft_base import DraftBase
from cmgplan.case.explain import problems
from cmgplan.case.folder import CASE_FILE, CaseFolder
from cmgplan.case.profiles import read_profiles
from cmgplan.case.records import Bus, Line, NetworkSection, TimeSection
from cmgplan.case.rows import Placed, read_rows
from cmgplan.case.tables import read_table
from cmgplan.case.toml_file import R, dotted, other_system, owner, read_toml, sound
from cmgplan.devices import Device, Forecasts, Photovoltaic
from cmgplan.errors import Fault
from cmgplan.planning.case.records import (
    CaseFile,
    Cluster,
    GridSection,
    Microgrid,
    PlanOptions,
    Tie,
)


@dataclass
class Draft(DraftBase):
    """What could be read of a case; checks that need more than is there are left out.

    ``bus_ids``, ``columns`` and ``microgrid_ids`` also name what is faulty, so that references to
    it are not called dangling; they are None where the list itself could not be read.
    ``incomplete`` names the lists (``lines``, ``microgrid``, ...) that lack a faulty record.
    ``begins_h`` is the hour of the clock at which the plan begins, ``stamped`` whether rows have
    stamps, ``rows_left`` whether there are rows of the last day after the plan.
    """

    file: CaseFile | None = None
    grid: GridSection | None = None
    plan: PlanOptions | None = None
    clusters: list[Placed[Cluster]] = field(default_factory=list)
    microgrids: list[Placed[Microgrid]] = field(default_factory=list)
    ties: list[Placed[Tie]] = field(default_factory=list)
    lines: list[Placed[Line]] = field(default_factory=list)
    microgrid_ids: set[str] | None = None

    @property
    def horizon(self) -> Forecasts | None:
        """The hours with prices and the profiles that could be read, if there are any."""
        if self.time is None or self.grid is None:
            return None
        price = self.profiles.get(self.grid.price_column)
        if price is None or len(price) != self.time.hours:
            return None
        balance = "energy" if self.plan is None else self.plan.soc_balance
        time = self.time
        return Forecasts(
            time.hours, time.dt_h, price, self.profiles, balance, begins_h=self.begins_h
        )

    def devices(self) -> Iterator[tuple[str, Microgrid, Device]]:
        """Yield where every device of a sound microgrid stands, its microgrid and the device."""
        for placed in self.microgrids:
            counts: dict[str, int] = {}
            for device in placed.record.devices():
                index = counts.get(device.kind, 0)
                counts[device.kind] = index + 1
                yield f"{placed.where}.{device.kind}[{index}]", placed.record, device

    def sun_columns(self) -> Iterator[str]:
        """Yield the columns that forecast the sun."""
        for _, _, device in self.devices():
            if isinstance(device, Photovoltaic):
                yield device.forecast


def read_draft(folder: CaseFolder, day: date | None = None) -> tuple[Draft, list[Fault]]:
    """Read a case as far as possible; return it and every fault met on the way.

    A ``day`` takes the place of the one that case.toml names.
    """
    faults: list[Fault] = []
    raw = read_toml(folder, faults)
    if raw is not None and day is not None and isinstance(raw.get("time"), dict):
        raw["time"] = {**raw["time"], "day": day}
    draft = Draft(folder, raw if raw is not None else {})
    if raw is None:
        return draft, faults
    if (other := other_system(raw, "planning", named=False)) is not None:
        return Draft(folder, {}), [other]
    _read_case_file(draft, faults)
    _read_network_tables(draft, faults)
    if (table := read_table(folder, draft.profile_file, faults)) is not None:
        draft.columns = set(table.columns) - TIME_COLUMNS
        price = None if draft.grid is None else draft.grid.price_column
        if (planned := rows_of_plan(table, draft.time, faults)) is not None:
            draft.profiles = read_profiles(planned, price, faults)
            draft.begins_h, draft.stamped = begins_h(planned), TIME in planned.columns
            draft.rows_left = draft.time is not None and rows_left(table, draft.time)
    return draft, faults


def _read_case_file(draft: Draft, faults: list[Fault]) -> None:
    """Validate case.toml, first as a whole for its faults, then by parts for what is sound."""
    raw = draft.raw
    try:
        draft.file = CaseFile.model_validate(raw)
    except ValidationError as error:
        for problem in problems(error, CaseFile, raw):
            message = f"{problem.message}{owner(raw, problem.path)}"
            faults.append(Fault(CASE_FILE, dotted(problem.path), message, problem.mend))
    draft.time = sound(TimeSection, raw.get("time"))
    draft.network = sound(NetworkSection, raw.get("network"))
    draft.grid = sound(GridSection, raw.get("grid"))
    draft.plan = sound(PlanOptions, raw.get("plan", {}))
    draft.clusters = _sound_list(draft, "cluster", Cluster)
    draft.microgrids = _sound_list(draft, "microgrid", Microgrid)
    draft.ties = _sound_list(draft, "tie", Tie)
    listed = raw.get("microgrid")
    if isinstance(listed, tuple):
        draft.microgrid_ids = {
            str(mg["id"]) for mg in listed if isinstance(mg, dict) and "id" in mg
        }


def _read_network_tables(draft: Draft, faults: list[Fault]) -> None:
    """Read the tables of buses and lines."""
    if (buses := read_table(draft.folder, draft.bus_file, faults)) is not None:
        draft.buses = read_rows(buses, Bus, faults)
        if "bus" in buses.columns:
            draft.bus_ids = {row.cells["bus"] for row in buses.rows}
    if (lines := read_table(draft.folder, draft.line_file, faults)) is not None:
        draft.lines = read_rows(lines, Line, faults)
        if not lines.whole or len(draft.lines) < len(lines.rows):
            draft.incomplete.add("lines")
    else:
        draft.incomplete.add("lines")


def _sound_list(draft: Draft, key: str, model: type[R]) -> list[Placed[R]]:
    """Return the sound records of an array of tables."""
    raw = draft.raw.get(key, ())
    if not isinstance(raw, tuple):
        draft.incomplete.add(key)
        return []
    read = [(f"{key}[{i}]", sound(model, item)) for i, item in enumerate(raw)]
    placed = [Placed(where, record) for where, record in read if record is not None]
    if len(placed) < len(raw):
        draft.incomplete.add(key)
    return placed
