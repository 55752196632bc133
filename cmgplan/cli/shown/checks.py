"""What is printed of checks: those of a finished run, and bounds that are proved again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cmgplan.cli.console import NONE, new_table, number, print_table, say
from cmgplan.plurals import counted

if TYPE_CHECKING:
    from cmgplan.planning.proof.prove import Proved
    from cmgplan.planning.report.verify import VerifyReport
    from cmgplan.run.findings import CheckResult

SHOWN_FINDINGS = 5
"""Findings that are listed of each failed check."""

VERDICTS = ("stands", "not reached", "FAILED")
"""What can become of a printed bound that is proved again."""


def print_checks(checks: Sequence[CheckResult]) -> None:
    """Print every check, and the worst findings of those that fail."""
    for check in checks:
        say(f"{'ok    ' if check.passed else 'FAILED'} {check.name}")
        for finding in check.findings[:SHOWN_FINDINGS]:
            say(f"         {finding}")
        if len(check.findings) > SHOWN_FINDINGS:
            say(f"         and {len(check.findings) - SHOWN_FINDINGS} more")


def print_report(report: VerifyReport) -> None:
    """Print every check of a plan, and how far it is from the independent power flow."""
    print_checks(report.checks)
    say(
        f"replay: voltages within {report.max_dv_pu:.2g} pu, "
        f"losses within {report.max_dloss_kw:.2g} kW"
    )


def print_proved(proved: Sequence[Proved]) -> None:
    """Print what became of each printed bound, and why where it does not stand."""
    table = new_table("bound", "printed", "proved again", "verdict", "s", "by")
    for bound in proved:
        cells = (f"{number(value, 6)}" for value in (bound.printed, bound.value))
        table.add_row(
            f"{bound.what}, {bound.unit}",
            *cells,
            str(bound.verdict),
            number(bound.wall_s, 1),
            bound.by or NONE,
        )
    print_table(table)
    for bound in proved:
        if bound.reason:
            say(f"{bound.what}, {bound.verdict}: {bound.reason}")
    counts = {verdict: sum(b.verdict == verdict for b in proved) for verdict in VERDICTS}
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    say(f"{counted(len(proved), 'printed bound')}: {told}")
