"""Rules for microgrids, the clusters they belong to, and the switches between them."""

from __future__ import annotations

from collections.abc import Iterator

from cmgplan.case.explain import nearest
from cmgplan.case.folder import CASE_FILE
from cmgplan.case.ids import repeated
from cmgplan.errors import Fault
from cmgplan.planning.case.draft import Draft
from cmgplan.planning.case.records import Tie


def check_clusters(draft: Draft) -> Iterator[Fault]:
    """Yield what is wrong with clusters: every microgrid belongs to exactly one."""
    yield from repeated(CASE_FILE, "cluster", ((c.where, c.record.id) for c in draft.clusters))
    known = draft.microgrid_ids
    member_of: dict[str, str] = {}
    for placed in draft.clusters:
        for index, mg in enumerate(placed.record.microgrids):
            where = f"{placed.where}.microgrids[{index}]"
            if known is not None and mg not in known:
                message = f"microgrid {mg} is not in the case"
                yield Fault(CASE_FILE, where, message, nearest(mg, known, "add it or remove it"))
            elif mg in member_of:
                message = f"microgrid {mg} is already in cluster {member_of[mg]}"
                yield Fault(CASE_FILE, where, message, "leave it in one cluster only")
            member_of.setdefault(mg, placed.record.id)
    if "cluster" in draft.incomplete:
        return
    for microgrid in draft.microgrids:
        if microgrid.record.id not in member_of:
            yield Fault(
                CASE_FILE,
                microgrid.where,
                f"microgrid {microgrid.record.id} is in no cluster",
                "add it to the microgrids of a cluster",
            )


def check_microgrids(draft: Draft) -> Iterator[Fault]:
    """Yield what is wrong with the ids of microgrids and switches and with microgrids' buses."""
    placed = draft.microgrids
    yield from repeated(CASE_FILE, "microgrid", ((mg.where, mg.record.id) for mg in placed))
    switches = [(f"{mg.where}.pcc", mg.record.pcc.id) for mg in placed]
    switches += [(tie.where, tie.record.id) for tie in draft.ties]
    yield from repeated(CASE_FILE, "switch", iter(switches))
    for mg in placed:
        where, bus = f"{mg.where}.bus", mg.record.bus
        if draft.bus_ids is not None and bus not in draft.bus_ids:
            message = f"bus {bus} of microgrid {mg.record.id} is not in {draft.bus_file}"
            mend = nearest(bus, draft.bus_ids, "name a bus of the feeder")
            yield Fault(CASE_FILE, where, message, mend)
        elif draft.network is not None and bus == draft.network.slack_bus:
            message = f"microgrid {mg.record.id} is at the slack bus {bus}"
            yield Fault(CASE_FILE, where, message, "place it at another bus")


def check_ties(draft: Draft) -> Iterator[Fault]:
    """Yield what is wrong with ties: their ends, their kind and what their kind needs."""
    clusters = {mg: c.record.id for c in draft.clusters for mg in c.record.microgrids}
    known = draft.microgrid_ids
    for placed in draft.ties:
        where, tie = placed.where, placed.record
        ends = (("from_microgrid", tie.from_microgrid), ("to_microgrid", tie.to_microgrid))
        for key, mg in ends:
            if known is not None and mg not in known:
                message = f"microgrid {mg} of tie {tie.id} is not in the case"
                mend = nearest(mg, known, "name a microgrid of the case")
                yield Fault(CASE_FILE, f"{where}.{key}", message, mend)
        if tie.from_microgrid == tie.to_microgrid:
            message = f"tie {tie.id} joins {tie.from_microgrid} to itself"
            yield Fault(CASE_FILE, where, message, "name two microgrids")
        elif tie.from_microgrid in clusters and tie.to_microgrid in clusters:
            yield from _kind_faults(
                where, tie, clusters[tie.from_microgrid], clusters[tie.to_microgrid]
            )
        yield from _impedance_faults(where, tie)


def _kind_faults(where: str, tie: Tie, start: str, end: str) -> Iterator[Fault]:
    """Yield a fault where the kind of a tie contradicts the clusters of its ends."""
    if tie.kind == "cluster" and start == end:
        message = f'tie {tie.id} of kind "cluster" has both ends in cluster {start}'
        yield Fault(CASE_FILE, f"{where}.kind", message, 'make it of kind "microgrid"')
    elif tie.kind == "microgrid" and start != end:
        message = f'tie {tie.id} of kind "microgrid" joins clusters {start} and {end}'
        yield Fault(CASE_FILE, f"{where}.kind", message, 'make it of kind "cluster"')


def _impedance_faults(where: str, tie: Tie) -> Iterator[Fault]:
    """Yield what is missing or needless for the losses of a tie."""
    if tie.kind == "microgrid":
        if tie.r_ohm > 0.0:
            message = f"r_ohm of tie {tie.id} is ignored: ties within a cluster have no losses"
            yield Fault(CASE_FILE, f"{where}.r_ohm", message, "remove it", "warning")
        return
    if tie.vn_kv is None:
        message = f"tie {tie.id} between clusters has no vn_kv"
        yield Fault(CASE_FILE, f"{where}.vn_kv", message, "give its nominal voltage in kV")
    if tie.r_ohm == 0.0:
        message = f"tie {tie.id} between clusters has no resistance, so no losses"
        yield Fault(CASE_FILE, f"{where}.r_ohm", message, "give its r_ohm", "warning")
