"""Rules for the sections of the three systems and for the places of homes in the network."""

from __future__ import annotations

from collections.abc import Iterator

from cmgplan.case.explain import nearest
from cmgplan.case.folder import CASE_FILE
from cmgplan.case.ids import repeated
from cmgplan.errors import Fault
from cmgplan.homes.case.draft import Draft
from cmgplan.homes.case.records import Hours
from cmgplan.homes.clearing.bids import read_bids


def check_sections(draft: Draft) -> Iterator[Fault]:
    """Yield what is wrong with ``[market]``, ``[building]`` and ``[response]``."""
    market = draft.market
    if market is not None and market.shade_kw >= market.quantity_max_kw:
        message = f"{market.shade_kw:g} is not under quantity_max_kw {market.quantity_max_kw:g}"
        yield Fault(CASE_FILE, "market.shade_kw", message, "give a hundredth of a kW or so")
    if draft.building is not None:
        yield from _hours("building.sell_hours", draft.building.sell_hours)
    response = draft.response
    if response is not None and response.bids == "bids.csv" and draft.time is not None:
        found: list[Fault] = []
        ids = [home.id for home in draft.homes if home.id is not None]
        read_bids(draft.folder, ids, draft.time.hours, found)
        yield from found


def check_places(draft: Draft) -> Iterator[Fault]:
    """Yield what is wrong with buses of homes, buildings on buses, and faults of lines."""
    for home in draft.homes:
        if home.base is None or home.base.bus is None:
            continue
        where = f"{home.where}.bus"
        if not draft.has_network:
            message = f"home {home.name} has a bus, but there is no [network]"
            yield Fault(CASE_FILE, where, message, "add [network], or leave out the bus")
        else:
            yield from _bus(draft, where, home.base.bus, f"of home {home.name}")
    mix, faults = draft.load_mix, draft.line_faults
    yield from repeated(CASE_FILE, "load mix", ((x.where, x.record.name) for x in mix))
    for placed in faults:
        yield from _hours(f"{placed.where}.hours", placed.record.hours)
    if not draft.has_network:
        for key, listed in (("load_mix", mix), ("fault", faults)):
            if listed:
                message = "nothing uses it without [network]"
                mend = "add [network], or remove it"
                yield Fault(CASE_FILE, f"building.{key}", message, mend, "warning")
        return
    for placed in faults:
        yield from _line(draft, f"{placed.where}.line", placed.record.line)
        for k, line in enumerate(placed.record.close):
            yield from _line(draft, f"{placed.where}.close[{k}]", line)


def _hours(where: str, hours: Hours) -> Iterator[Fault]:
    """Yield a fault for hours of the clock that end before they begin."""
    begins, ends = hours
    if begins >= ends:
        message = f"from {begins} to {ends} is no time of a day; it may not pass midnight"
        yield Fault(CASE_FILE, where, message, "give from and to, the second the later")


def _bus(draft: Draft, where: str, bus: str, whose: str) -> Iterator[Fault]:
    """Yield a fault for a bus that is not in the network."""
    if draft.bus_ids is not None and bus not in draft.bus_ids:
        message = f"bus {bus} {whose} is not in {draft.bus_file}"
        yield Fault(CASE_FILE, where, message, nearest(bus, draft.bus_ids, "name a bus of it"))


def _line(draft: Draft, where: str, line: str) -> Iterator[Fault]:
    """Yield a fault for a line that is not in the network."""
    if draft.line_ids is not None and line not in draft.line_ids:
        message = f"line {line} is not in {draft.line_file}"
        yield Fault(CASE_FILE, where, message, nearest(line, draft.line_ids, "name a line of it"))
