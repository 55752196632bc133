"""Section of a page of demand response about what flexibility and policies are worth."""

from __future__ import annotations

from typing import Any

from cmgplan.page.data_table import Column, data_table
from cmgplan.page.parts import Note, Section
from cmgplan.page.wording import amount, change
from cmgplan.response.report.view import VARIANTS, ResponseView


def compared(view: ResponseView) -> tuple[Section, ...]:
    """Return what flexibility and policies are worth; nothing where nothing was compared."""
    record = view.record
    if not record.compared:
        return ()
    exact = record.methods["exact"].profit
    money = exact.total + exact.emission_weight * exact.penalties
    kg = record.emission_kg["exact"]
    ours: dict[str, Any] = {
        "what": "this case",
        "profit": exact.total,
        "money": money,
        "emission_kg": kg,
        "share": record.share_under_emax["exact"].own,
    }
    records = [ours]
    for name, told in record.compared.items():
        row = {"what": VARIANTS.get(name, name), **told.model_dump()}
        row["share"] = told.share_under_emax
        records.append(row)
    for row in records:
        row["share"] = None if row["share"] is None else 100.0 * row["share"]
    unit = record.currency
    columns = (
        Column("what", "Homes"),
        Column("profit", f"Profit, {unit}", 2),
        Column("money", f"before the price of emissions, {unit}", 2),
        Column("emission_kg", "Emission, kg", 2),
        Column("share", "Hours within Emax, own, %", 0),
    )
    table = data_table("compared", "The same homes, each at its own optimum", columns, records)
    return (Section("compared", "What flexibility and policies are worth", (_worth(view), table)),)


def _worth(view: ResponseView) -> Note:
    record = view.record
    exact, rigid = record.methods["exact"].profit, record.compared.get("rigid")
    if rigid is None:
        return Note("Against homes without flexibility", ())
    moving = record.compared.get("moving")
    gain, kg = exact.total - rigid.profit, record.emission_kg["exact"]
    sentences = [
        f"Against the same homes without any flexibility the profit rises by "
        f"{amount(gain, record.currency)} ({change(exact.total, rigid.profit)}) and emission goes "
        f"from {amount(rigid.emission_kg, 'kg')} to {amount(kg, 'kg')} "
        f"({change(kg, rigid.emission_kg)})."
    ]
    if moving is not None:
        sentences.append(
            f"Of that, load that moves alone brings "
            f"{amount(moving.profit - rigid.profit, record.currency)} and "
            f"{change(moving.emission_kg, rigid.emission_kg)} of emission; the rest is stores, "
            "appliances and policies."
        )
    return Note("Against homes without flexibility", tuple(sentences))
