"""Every rule that a case must keep, applied to as much of it as could be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cmgplan.case.check_network import check_buses, check_lines, check_shape
from cmgplan.case.check_time import check_time
from cmgplan.errors import Fault
from cmgplan.planning.case.check_capacity import check_branches, check_microgrid_supply
from cmgplan.planning.case.check_devices import check_devices
from cmgplan.planning.case.check_forecasts import check_forecasts
from cmgplan.planning.case.check_magnitudes import check_magnitudes
from cmgplan.planning.case.check_objectives import check_objectives
from cmgplan.planning.case.check_options import check_options
from cmgplan.planning.case.check_switches import check_clusters, check_microgrids, check_ties
from cmgplan.planning.case.draft import Draft

RULES: tuple[Callable[[Draft], Iterator[Fault]], ...] = (
    check_magnitudes,
    check_options,
    check_clusters,
    check_microgrids,
    check_ties,
    check_devices,
    check_forecasts,
    check_time,
    check_objectives,
    check_buses,
    check_lines,
    check_shape,
    check_microgrid_supply,
    check_branches,
)


def check_draft(draft: Draft) -> list[Fault]:
    """Return the faults between records; those inside a record are found in reading."""
    return [fault for rule in RULES for fault in rule(draft)]
