"""What is printed of plans: the answer, a choice among rows, exports, comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cmgplan.cli.console import NONE, new_table, number, print_table, say
from cmgplan.plurals import counted

if TYPE_CHECKING:  # the planner takes seconds to import
    from cmgplan.planning.record.plan import PlanRecord
    from cmgplan.planning.report.compare.write import WrittenComparison
    from cmgplan.planning.report.export import Export

SHOWN_TIED = 5
"""Rows that are listed of those as good as the chosen one."""


def print_plan(summary: PlanRecord, told: Sequence[str] = ()) -> None:
    """Print what a plan chose, what the feeder gains, and whether it was confirmed.

    Notes that were ``told`` before are not told again.
    """
    upper, selected = summary.upper, summary.selected
    columns = (selected.by_objective(), upper.totals(), upper.without_cmg.totals())
    table = new_table("", "microgrids", "feeder with DER", "feeder without DER")
    for name, key, digits in (
        ("generation cost, $", "gc_usd", 2),
        ("emission cost, $", "ec_usd", 2),
        ("losses, kWh", "loss_kwh", 3),
        ("upstream import, kWh", "upstream_kwh", 1),
        ("least voltage, pu", "v_min_pu", 4),
    ):
        table.add_row(name, *(number(column.get(key), digits) for column in columns))
    say(f"selected: point {selected.point} ({selected.rule})")
    print_table(table)
    say(summary.certificate.statement)
    for note in summary.notes:
        if note not in told:
            say(f"note: {note}")
    for point in summary.certificate.points:
        for sentence in point.explanation:
            say(f"point {point.point}, {point.status}: {sentence}")


def print_choice(rows: Sequence[Mapping[str, float] | None], chosen: Mapping[str, Any]) -> None:
    """Print the memberships of all rows of a table, and the chosen row."""
    names = list(next(row for row in rows if row is not None))
    table = new_table("row", *names, "least")
    for k, row in enumerate(rows, start=1):
        cells = [None] * (len(names) + 1) if row is None else [*row.values(), min(row.values())]
        mark = " *" if k == chosen["selected"]["row"] else ""
        table.add_row(f"{k}{mark}", *(number(cell, 4) for cell in cells))
    print_table(table)
    say(f"selected: row {chosen['selected']['row']}, least membership {chosen['mu_min']:.4f}")
    if tied := chosen["tied"]:
        rest = len(tied) - SHOWN_TIED
        named = ", ".join(str(row) for row in tied[:SHOWN_TIED])
        named += f" and {rest} more" if rest > 0 else ""
        which = f"row {named} has" if len(tied) == 1 else f"rows {named} have"
        say(f"tied: {which} the same least membership")


def print_export(export: Export) -> None:
    """Print what an export holds, and how far pandapower's solution is from the run."""
    networks = [name for name in export.files if name.startswith("pandapower/")]
    if networks:
        count = counted(len(networks), "pandapower network")
        say(f"{networks[0]} to {networks[-1]}: {count}, {export.level}")
        say(
            f"  solved by pandapower: voltages within {export.max_dv_pu:.2g} pu of the run, "
            f"losses within {export.max_dloss_kw:.2g} kW"
        )
    for name, what in export.files.items():
        if name not in networks:
            say(f"{name}: {what}")
    say(f"export: {export.folder}")


def print_comparison(written: WrittenComparison) -> None:
    """Print the totals of the runs, what they differ by, and what that says."""
    heads = list(written.names)
    for name in written.names[1:]:
        heads += [f"difference, {name}" if len(heads) > 2 else "difference", "which is"]
    table = new_table("", *heads)
    for total in written.totals:
        digits = total.quantity.digits
        cells = [number(value, digits) for value in total.values]
        for d in total.differences:
            amount = 0.0 if d.verdict == "same" else d.amount
            cells += [number(amount, digits), d.verdict or NONE]
        table.add_row(total.quantity.title, *cells)
    print_table(table)
    for note in written.notes:
        say(f"note: {note}")
    say(f"comparison: {written.folder}, page: {written.folder / 'compare.html'}")
