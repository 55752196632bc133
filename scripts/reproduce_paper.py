"""Print the paper's claims beside those of a finished run: reproduce_paper.py [RUN] [--json]."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from paper_claims import CLAIMS
from paper_claims.claim import Claim, hours_text
from paper_claims.windows import WINDOW, open_hours
from rich.console import Console
from rich.table import Table

from cmgplan.cli.console import plain, warn
from cmgplan.errors import CmgplanError, InputError
from cmgplan.planning.report.run_folder import read_run
from cmgplan.planning.report.subject import Subject

DEFAULT_RUN = Path(__file__).resolve().parents[1] / "runs" / "ieee94"
WIDTH = 150
DAY = (24, 1.0)
ANSWERS = {True: "yes", False: "NO", None: "-"}


def read_subject(folder: Path) -> Subject:
    """Read a run of a day of 24 hours, as the paper's is.

    Raises
    ------
    InputError
        If it is no run, or of other hours.
    """
    run = read_run(folder)
    case = run.load_case()
    time = case.file.time
    if (time.hours, time.dt_h) != DAY:
        raise InputError(
            f"{folder}: has {time.hours} intervals of {time.dt_h:g} h; the paper's claims are "
            "about 24 hours, give a run of such a case"
        )
    return Subject(case, case.options, run.summary, run.tables)


def compare(subject: Subject) -> list[Claim]:
    """Return every claim of the paper beside the run's answer."""
    return [claim(subject) for claim in CLAIMS]


def as_json(folder: Path, claims: Sequence[Claim]) -> str:
    """Return the comparison as JSON."""
    return json.dumps({"run": str(folder), "claims": [asdict(claim) for claim in claims]}, indent=2)


def show(console: Console, subject: Subject, claims: Sequence[Claim]) -> None:
    """Print the claims, where they differ and why, and the open hours of every switch."""
    console.print(_claim_table(claims))
    console.print("Where ours differs or the paper has no number:\n")
    for number, claim in enumerate(claims, start=1):
        if not claim.same:
            console.print(plain(f"{number}. {claim.name}: {claim.why}"), soft_wrap=True)
    console.print()
    console.print(_switch_table(subject))
    counted = [claim.same for claim in claims if claim.same is not None]
    console.print(f"{sum(counted)} of {len(counted)} claims that can be compared are the same.")


def _claim_table(claims: Sequence[Claim]) -> Table:
    table = Table("", "claim", "paper", "ours", "same?", "within", show_lines=True)
    for number, claim in enumerate(claims, start=1):
        cells = (claim.name, claim.paper, claim.ours, ANSWERS[claim.same], claim.tolerance)
        table.add_row(str(number), *(plain(cell) for cell in cells))
    return table


def _switch_table(subject: Subject) -> Table:
    table = Table("switch", "window", "open in hours")
    for switch, kind, hours in open_hours(subject).itertuples(index=False):
        table.add_row(plain(switch), WINDOW[kind], hours_text(hours))
    return table


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script and return its exit code."""
    parser = argparse.ArgumentParser(prog="scripts/reproduce_paper", description=__doc__)
    parser.add_argument("run", nargs="?", type=Path, default=DEFAULT_RUN, help="folder of a run")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args(argv)
    try:
        subject = read_subject(arguments.run)
    except CmgplanError as error:
        warn(f"error: {error}")
        return error.exit_code
    claims = compare(subject)
    if arguments.json:
        print(as_json(arguments.run, claims))
    else:
        width = None if sys.stdout.isatty() else WIDTH
        show(Console(width=width, markup=False, highlight=False), subject, claims)
    return 0


if __name__ == "__main__":
    sys.exit(main())
