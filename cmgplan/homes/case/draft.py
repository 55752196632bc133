"""A case of homes as far as it can be read: each sound record, and what the faulty ones declare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from pydantic import ValidationError

from cmgplan.arrays import FloatArray
from cmgplan.case.days import TIME, TIME_COLUMNS, begins_h, rows_left, rows_of_plan
from cmgplan.case.draft_base import DraftBase
from cmgplan.case.explain import problems
from cmgplan.case.folder import CASE_FILE, CaseFolder
from cmgplan.case.profiles import read_profiles
from cmgplan.case.records import Bus, NetworkSection, TimeSection
from cmgplan.case.rows import Placed, read_rows
from cmgplan.case.scenarios import Scenario, read_scenarios
from cmgplan.case.tables import read_table
from cmgplan.case.toml_file import R, dotted, other_system, owner, read_toml, sound
from cmgplan.devices import HOME_KINDS, Device, Forecasts, HeatPump, SolarPlant, SolarThermal
from cmgplan.errors import Fault
from cmgplan.homes.case.records import (
    BuildingFault,
    BuildingSection,
    FeederLine,
    Gas,
    HomeBase,
    HomesFile,
    LoadMix,
    MarketSection,
    Pool,
    ResponseSection,
    Retailer,
)


@dataclass(frozen=True)
class DraftHome:
    """A home as far as it can be read.

    ``base`` is None where a key other than its devices is faulty, ``id`` where it has none.
    ``devices`` are the sound ones, ``whole`` says that all of them are.
    """

    where: str
    id: str | None
    base: HomeBase | None
    devices: tuple[Placed[Device], ...]
    whole: bool

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.where if self.id is None else self.id


@dataclass
class Draft(DraftBase):
    """What could be read of a case of homes; checks that need more than is there are left out.

    A faulty section is None, one that is left out has its defaults where it has any.
    ``bus_ids``, ``line_ids`` and ``columns`` also name what is faulty, so that references to
    it are not called dangling; they are None where the table could not be read.
    """

    file: HomesFile | None = None
    retailer: Retailer | None = None
    gas: Gas | None = None
    pool: Pool | None = None
    market: MarketSection | None = None
    building: BuildingSection | None = None
    response: ResponseSection | None = None
    homes: list[DraftHome] = field(default_factory=list)
    load_mix: list[Placed[LoadMix]] = field(default_factory=list)
    line_faults: list[Placed[BuildingFault]] = field(default_factory=list)
    lines: list[Placed[FeederLine]] = field(default_factory=list)
    scenarios: tuple[Scenario, ...] = ()
    line_ids: set[str] | None = None

    @property
    def has_network(self) -> bool:
        """Whether there is a ``[network]``, sound or not."""
        return "network" in self.raw

    @property
    def forecasts(self) -> Forecasts | None:
        """The intervals with the columns that could be read and have the right length."""
        clock = self.clock
        if clock is None:
            return None
        whole = {name: p for name, p in self.profiles.items() if len(p) == clock.hours}
        return Forecasts(clock.hours, clock.dt_h, profiles=whole, begins_h=clock.begins_h)

    def series(self, value: float | str | None) -> FloatArray | None:
        """Return a number or column for every hour, shape (T,); None where it cannot be had."""
        h = self.forecasts
        if h is None or value is None or (isinstance(value, str) and value not in h.profiles):
            return None
        return h.series(value)

    def devices(self) -> Iterator[tuple[str, DraftHome, Device]]:
        """Yield where every sound device stands, its home and the device."""
        for home in self.homes:
            for placed in home.devices:
                yield placed.where, home, placed.record

    def usable(self, device: Device) -> bool:
        """Return whether a device's columns can be used and nothing in it contradicts itself."""
        h = self.forecasts
        if h is None or any(column not in h.profiles for _, column in device.columns()):
            return False
        found = list(device.conflicts()) or list(device.conflicts_over(h))
        return not found

    def sun_columns(self) -> Iterator[str]:
        """Yield the columns that forecast the sun."""
        for _, _, device in self.devices():
            if isinstance(device, SolarPlant | SolarThermal):
                yield device.forecast

    def factor_columns(self) -> set[str]:
        """Return the columns without a unit that need not lie within 0..1.

        Those are named as factors, or named by nothing: of these there is only a warning.
        """
        shares = {
            name
            for _, _, device in self.devices()
            for key, name in device.columns()
            if key in ("forecast", "profile", "shiftable_share")
        }
        building = self.building
        named: list[object] = [
            device.cop for _, _, device in self.devices() if isinstance(device, HeatPump)
        ]
        if building is not None:
            named += [building.price_coefficient, building.power_coefficient]
        unnamed = (self.columns or set()) - shares if not self.incomplete else set()
        return {name for name in named if isinstance(name, str)} | unnamed


def read_draft(folder: CaseFolder, day: date | None = None) -> tuple[Draft, list[Fault]]:
    """Read a case of homes as far as possible; return it and every fault met on the way.

    A ``day`` takes the place of the one that case.toml names.
    """
    faults: list[Fault] = []
    raw = read_toml(folder, faults)
    if raw is not None and day is not None and isinstance(raw.get("time"), dict):
        raw["time"] = {**raw["time"], "day": day}
    draft = Draft(folder, raw if raw is not None else {})
    if raw is None:
        return draft, faults
    if (other := other_system(raw, "homes", named=True)) is not None:
        return Draft(folder, {}), [other]
    _read_case_file(draft, faults)
    if draft.has_network:
        _read_network_tables(draft, faults)
    draft.scenarios = read_scenarios(folder, faults)
    if (table := read_table(folder, draft.profile_file, faults)) is not None:
        draft.columns = set(table.columns) - TIME_COLUMNS
        if (planned := rows_of_plan(table, draft.time, faults)) is not None:
            draft.profiles = read_profiles(planned, None, faults, draft.factor_columns())
            draft.begins_h, draft.stamped = begins_h(planned), TIME in planned.columns
            draft.rows_left = draft.time is not None and rows_left(table, draft.time)
    return draft, faults


def _read_case_file(draft: Draft, faults: list[Fault]) -> None:
    """Validate case.toml, first as a whole for its faults, then by parts for what is sound."""
    raw = draft.raw
    try:
        draft.file = HomesFile.model_validate(raw)
    except ValidationError as error:
        for problem in problems(error, HomesFile, raw):
            message = f"{problem.message}{owner(raw, problem.path)}"
            faults.append(Fault(CASE_FILE, dotted(problem.path), message, problem.mend))
    draft.time = sound(TimeSection, raw.get("time"))
    draft.retailer = sound(Retailer, raw.get("retailer"))
    draft.gas = sound(Gas, raw.get("gas"))
    draft.network = sound(NetworkSection, raw.get("network"))
    draft.pool = sound(Pool, raw.get("pool", {}))
    draft.market = sound(MarketSection, raw.get("market", {}))
    draft.building = sound(BuildingSection, raw.get("building", {}))
    draft.response = sound(ResponseSection, raw.get("response", {}))
    section = raw.get("building")
    if isinstance(section, Mapping):
        draft.load_mix = _sound_list("building.load_mix", section.get("load_mix"), LoadMix)
        draft.line_faults = _sound_list("building.fault", section.get("fault"), BuildingFault)
    listed = raw.get("home", ())
    if isinstance(listed, tuple):
        draft.homes = [_read_home(f"home[{k}]", item) for k, item in enumerate(listed)]
    if not isinstance(listed, tuple) or not all(home.whole for home in draft.homes):
        draft.incomplete.add("home")


def _sound_list(where: str, listed: object, model: type[R]) -> list[Placed[R]]:
    """Return the sound records of an array of tables."""
    if not isinstance(listed, tuple):
        return []
    read = [(f"{where}[{k}]", sound(model, item)) for k, item in enumerate(listed)]
    return [Placed(at, record) for at, record in read if record is not None]


def _read_home(where: str, raw: object) -> DraftHome:
    """Return a home with those of its devices that are sound."""
    if not isinstance(raw, Mapping):
        return DraftHome(where, None, None, (), whole=False)
    keys = {key: value for key, value in raw.items() if key in HomeBase.model_fields}
    base = sound(HomeBase, keys)
    devices: list[Placed[Device]] = []
    whole = True
    for kind, model in HOME_KINDS.items():
        listed = raw.get(kind, ())
        if not isinstance(listed, tuple):
            whole = False
            continue
        found = _sound_list(f"{where}.{kind}", listed, model)
        devices += found
        whole = whole and len(found) == len(listed)
    given = raw.get("id")
    named = str(given) if isinstance(given, str | int) and given != "" else None
    return DraftHome(where, named, base, tuple(devices), whole)


def _read_network_tables(draft: Draft, faults: list[Fault]) -> None:
    """Read the tables of buses and lines."""
    if (buses := read_table(draft.folder, draft.bus_file, faults)) is not None:
        draft.buses = read_rows(buses, Bus, faults)
        if "bus" in buses.columns:
            draft.bus_ids = {row.cells["bus"] for row in buses.rows}
    if (lines := read_table(draft.folder, draft.line_file, faults)) is not None:
        draft.lines = read_rows(lines, FeederLine, faults)
        if "line" in lines.columns:
            draft.line_ids = {row.cells["line"] for row in lines.rows}
        if not lines.whole or len(draft.lines) < len(lines.rows):
            draft.incomplete.add("lines")
    else:
        draft.incomplete.add("lines")
