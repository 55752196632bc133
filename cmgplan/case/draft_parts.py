"""What drafts of cases of every system have, as the checks that all share want it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from cmgplan.arrays import FloatArray
from cmgplan.case.records import Bus, Line, NetworkSection, TimeSection
from cmgplan.case.rows import Placed
from cmgplan.devices import Forecasts

MOST_HOURS = 100_000
"""Intervals, and hours, that a run may have: eleven years."""


class NetworkDraft(Protocol):
    """A draft as far as its network goes; see ``cmgplan.planning.case.draft.Draft``."""

    @property
    def bus_file(self) -> str:
        """Name of the table of buses."""

    @property
    def line_file(self) -> str:
        """Name of the table of lines."""

    @property
    def network(self) -> NetworkSection | None:
        """``[network]``, None where it is faulty or absent."""

    @property
    def buses(self) -> Sequence[Placed[Bus]]:
        """Sound rows of the table of buses."""

    @property
    def lines(self) -> Sequence[Placed[Line]]:
        """Sound rows of the table of lines."""

    @property
    def bus_ids(self) -> set[str] | None:
        """Ids of all buses, faulty ones too; None where the table could not be read."""

    @property
    def incomplete(self) -> Collection[str]:
        """Lists that lack a faulty record."""


class TimedDraft(Protocol):
    """A draft as far as its hours go."""

    @property
    def time(self) -> TimeSection | None:
        """``[time]``, None where it is faulty."""

    @property
    def clock(self) -> Forecasts | None:
        """The intervals without forecasts, None where nobody runs so many."""

    @property
    def profiles(self) -> Mapping[str, FloatArray]:
        """Columns that could be read."""

    @property
    def profile_file(self) -> str:
        """Name of the table of profiles."""

    @property
    def stamped(self) -> bool:
        """Whether the rows have stamps."""

    @property
    def rows_left(self) -> bool:
        """Whether there are rows of the last day after the last interval."""

    def sun_columns(self) -> Iterable[str]:
        """Return the columns that forecast the sun."""
