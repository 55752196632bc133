"""Rules for names and ids: of the case, its homes and their devices."""

from __future__ import annotations

from collections.abc import Iterator

from cmgplan.case.explain import shown
from cmgplan.case.folder import CASE_FILE
from cmgplan.case.ids import check_name, repeated
from cmgplan.errors import Fault
from cmgplan.homes.accounts.ledger import RESERVED
from cmgplan.homes.case.draft import Draft, DraftHome

JOINING = "|+,/\\"
"""Characters that no id of a home may have: coalitions are written with them, as in ``A|B+C``."""

LONGEST_CURRENCY = 12


def check_ids(draft: Draft) -> Iterator[Fault]:
    """Yield what is wrong with the names of case and currency and with ids."""
    yield from check_name(draft.raw.get("name"))
    currency = draft.raw.get("currency", "")
    if isinstance(currency, str) and not (
        currency.isprintable() and len(currency) <= LONGEST_CURRENCY
    ):
        message = f"{shown(currency)} cannot name a currency"
        yield Fault(CASE_FILE, "currency", message, "give a short name such as GBP")
    named = [(home.where, home.id) for home in draft.homes if home.id is not None]
    yield from repeated(CASE_FILE, "home", iter(named))
    for where, home_id in named:
        yield from _home_id(f"{where}.id", home_id)
    for home in draft.homes:
        yield from _device_ids(home)


def _home_id(where: str, home_id: str) -> Iterator[Fault]:
    """Yield what is wrong with the id of a home."""
    if home_id in RESERVED:
        message = f"{home_id} cannot be a home: accounts call another party so"
        yield Fault(CASE_FILE, where, message, f"use no id of {', '.join(RESERVED)}")
    joining = [mark for mark in JOINING if mark in home_id]
    if joining:
        message = f'{shown(home_id)} holds "{joining[0]}"'
        mend = f"leave out {' '.join(JOINING)}; coalitions of homes are written with them"
        yield Fault(CASE_FILE, where, message, mend)
    yield from _printable(where, home_id)


def _device_ids(home: DraftHome) -> Iterator[Fault]:
    """Yield what is wrong with the ids of a home's devices, which are unique over all kinds."""
    places = [(placed.where, placed.record.id) for placed in home.devices]
    for fault in repeated(CASE_FILE, "device", iter(places)):
        message = f"{fault.message} in home {home.name}"
        yield Fault(fault.file, fault.where, message, fault.mend)
    for where, device_id in places:
        yield from _printable(f"{where}.id", device_id)


def _printable(where: str, name: str) -> Iterator[Fault]:
    """Yield a fault for an id with control characters, or with spaces at an end."""
    if not name.isprintable() or name != name.strip():
        message = f"{shown(name)!r} has spaces at an end or characters that cannot be printed"
        yield Fault(CASE_FILE, where, message, "use letters, digits, - and _")
