"""Every rule that a case of homes must keep, applied to as much of it as could be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cmgplan.case.check_network import check_buses, check_lines, check_shape
from cmgplan.case.check_time import check_time
from cmgplan.errors import Fault
from cmgplan.homes.draft import Draft

RULES: tuple[Callable[[Draft], Iterator[Fault]], ...] = (
    check_time,
    check_buses,
    check_lines,
    check_shape,
)


def check_draft(draft: Draft) -> list[Fault]:
    """Return the faults between records; those inside a record are found in reading."""
    return [fault for rule in RULES for fault in rule(draft)]
