"""Every rule that a case of homes must keep, applied to as much of it as could be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cmgplan.case.check_network import check_buses, check_lines, check_shape
from cmgplan.case.check_time import check_time
from cmgplan.errors import Fault
from cmgplan.homes.case.check_columns import check_columns
from cmgplan.homes.case.check_devices import check_devices
from cmgplan.homes.case.check_faults import check_faults
from cmgplan.homes.case.check_groups import check_groups
from cmgplan.homes.case.check_ids import check_ids
from cmgplan.homes.case.check_magnitudes import check_magnitudes
from cmgplan.homes.case.check_prices import check_gas, check_prices
from cmgplan.homes.case.check_sections import check_places, check_sections
from cmgplan.homes.case.check_supply import check_supply
from cmgplan.homes.case.draft import Draft

RULES: tuple[Callable[[Draft], Iterator[Fault]], ...] = (
    check_magnitudes,
    check_ids,
    check_devices,
    check_groups,
    check_columns,
    check_time,
    check_gas,
    check_prices,
    check_sections,
    check_places,
    check_faults,
    check_buses,
    check_lines,
    check_shape,
    check_supply,
)


def check_draft(draft: Draft) -> list[Fault]:
    """Return the faults between records; those inside a record are found in reading."""
    return [fault for rule in RULES for fault in rule(draft)]
