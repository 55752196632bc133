"""What the drafts of cases of every system are made of, and the order of reading and checking."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.case.bundled import find_case, known_cases
from cmgplan.case.days import as_day
from cmgplan.case.draft_parts import MOST_HOURS
from cmgplan.case.folder import CaseFolder
from cmgplan.case.records import Bus, NetworkSection, TimeSection
from cmgplan.case.rows import Placed
from cmgplan.devices import Forecasts
from cmgplan.errors import CaseError, Fault

PROFILE_FILE = "profiles.csv"


@dataclass
class DraftBase:
    """A case as far as it can be read: its folder, its hours, its network and its profiles.

    A section that is faulty is None. ``bus_ids`` and ``columns`` also name what is faulty, so that
    references to it are not called dangling; they are None where the table could not be read.
    ``incomplete`` names the lists that lack a faulty record. ``begins_h`` is the hour of the clock
    at which the run begins, ``stamped`` whether rows have stamps, ``rows_left`` whether there are
    rows of the last day after it.
    """

    folder: CaseFolder
    raw: Mapping[str, Any]
    time: TimeSection | None = None
    network: NetworkSection | None = None
    buses: list[Placed[Bus]] = field(default_factory=list)
    profiles: dict[str, FloatArray] = field(default_factory=dict)
    begins_h: float = 0.0
    stamped: bool = False
    rows_left: bool = False
    bus_ids: set[str] | None = None
    columns: set[str] | None = None
    incomplete: set[str] = field(default_factory=set)

    @property
    def bus_file(self) -> str:
        """Name of the table of buses."""
        return self._name("network", "buses", NetworkSection.model_fields["buses"].default)

    @property
    def line_file(self) -> str:
        """Name of the table of lines."""
        return self._name("network", "lines", NetworkSection.model_fields["lines"].default)

    @property
    def profile_file(self) -> str:
        """Name of the table of profiles."""
        return self._name(None, "profiles", PROFILE_FILE)

    @property
    def clock(self) -> Forecasts | None:
        """The intervals without prices and profiles, None where nobody runs so many."""
        time = self.time
        if time is None or time.hours > MOST_HOURS or time.hours * time.dt_h > MOST_HOURS:
            return None
        return Forecasts(time.hours, time.dt_h, np.zeros(time.hours), begins_h=self.begins_h)

    def _name(self, section: str | None, key: str, default: str) -> str:
        """Return a file name that case.toml gives, or the default."""
        table = self.raw if section is None else self.raw.get(section, {})
        name = table.get(key, default) if isinstance(table, Mapping) else default
        return name if isinstance(name, str) else default


DraftT = TypeVar("DraftT", bound=DraftBase)
Reader = Callable[[CaseFolder, date | None], tuple[DraftT, list[Fault]]]
Checker = Callable[[DraftT], Sequence[Fault]]


def examine(
    path: Path | str,
    day: date | str | None,
    form: type[DraftT],
    read: Reader[DraftT],
    check: Checker[DraftT],
) -> tuple[DraftT, list[Fault]]:
    """Read and check a case; return its draft and every fault, errors before warnings.

    Parameters
    ----------
    path
        Its folder, its case.toml, or the name of a case that comes with the package.
    day
        Day to pick out of profiles that hold more, in place of the one that case.toml names.
    form, read, check
        Draft of the system's cases, how one is read from a folder, and its checks.

    Raises
    ------
    InputError
        The day is not a date.
    """
    wanted = as_day(day)
    folder = CaseFolder.at(find_case(path))
    if not folder.path.is_dir():
        told = "there is no such case folder"
        return form(folder, {}), [Fault(str(path), "", told, known_cases(path))]
    draft, faults = read(folder, wanted)
    faults.extend(check(draft))
    return draft, sorted(faults, key=lambda fault: fault.severity)


def warnings_of(faults: Sequence[Fault]) -> tuple[Fault, ...]:
    """Return the warnings among faults; CaseError with all errors where there is one."""
    errors = [fault for fault in faults if fault.severity == "error"]
    if errors:
        raise CaseError(errors)
    return tuple(faults)
