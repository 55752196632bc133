"""Print a paper's claims beside those of a finished run.

reproduce_paper.py [market|building|response] [RUN] [--json]; without a system's name the paper is
that of planning.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from paper_claims import CLAIMS, building_words
from paper_claims.building_words import BuildingSubject
from paper_claims.claim import Claim, hours_text
from paper_claims.feeder import feeder_claims
from paper_claims.market import market_claims
from paper_claims.response import response_claims
from paper_claims.windows import WINDOW, open_hours
from rich.console import Console
from rich.table import Table

from cmgplan.building.report.read_run import read_building
from cmgplan.cli.console import plain, warn
from cmgplan.errors import CmgplanError, InputError
from cmgplan.market.report.read_run import read_market
from cmgplan.planning.report.run_folder import read_run
from cmgplan.planning.report.subject import Subject
from cmgplan.response.report.read_run import read_response

RUNS = Path(__file__).resolve().parents[1] / "runs"
DEFAULT_RUN = RUNS / "ieee94"
BUILDING, BUILDING_RUN = "building", RUNS / "apartment5-building"
BUILDING_CASE = "apartment5"
MARKET, MARKET_RUN = "market", RUNS / "hmg3-market"
RESPONSE, RESPONSE_RUN = "response", RUNS / "hmg3-response-response"
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
    return Subject(case, case.options, run.tables, summary=run.summary)


def compare(subject: Subject) -> list[Claim]:
    """Return every claim of the paper beside the run's answer."""
    return [claim(subject) for claim in CLAIMS]


def read_building_subject(folder: Path) -> BuildingSubject:
    """Read a run of the paper's building.

    Raises
    ------
    InputError
        If it is no run of the building, or of another case.
    """
    if folder == BUILDING_RUN and not folder.exists():
        raise InputError(
            f"{folder}: there is no such run; make it with cmgplan building {BUILDING_CASE} "
            f"--days 31 --out {folder}"
        )
    subject = BuildingSubject.of(read_building(folder))
    if subject.case.name != BUILDING_CASE:
        raise InputError(
            f"{folder}: is of case {subject.case.name}; the paper's claims are about "
            f"{BUILDING_CASE}, give a run of it"
        )
    return subject


def as_json(folder: Path, claims: Sequence[Claim]) -> str:
    """Return the comparison as JSON."""
    return json.dumps({"run": str(folder), "claims": [asdict(claim) for claim in claims]}, indent=2)


def show(console: Console, claims: Sequence[Claim], more: Table | None = None) -> None:
    """Print the claims, where they differ and why, and a table of more."""
    console.print(_claim_table(claims))
    console.print("Where ours differs or the paper has no number:\n")
    for number, claim in enumerate(claims, start=1):
        if not claim.same:
            console.print(plain(f"{number}. {claim.name}: {claim.why}"), soft_wrap=True)
    console.print()
    if more is not None:
        console.print(more)
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
    given = list(sys.argv[1:] if argv is None else argv)
    system = given[0] if given[:1] in ([BUILDING], [MARKET], [RESPONSE]) else None
    parser = argparse.ArgumentParser(
        prog="scripts/reproduce_paper",
        usage="scripts/reproduce_paper [market|building|response] [RUN] [--json]",
        description="Print a paper's claims beside a run's; without a system, planning's.",
    )
    default = {
        BUILDING: BUILDING_RUN,
        MARKET: MARKET_RUN,
        RESPONSE: RESPONSE_RUN,
        None: DEFAULT_RUN,
    }[system]
    parser.add_argument("run", nargs="?", type=Path, default=default, help="folder of a run")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args(given if system is None else given[1:])
    more = None
    try:
        if system == BUILDING:
            claims = building_words.compare(read_building_subject(arguments.run))
            claims += feeder_claims()
        elif system == MARKET:
            claims = market_claims(read_market(arguments.run))
        elif system == RESPONSE:
            claims = response_claims(read_response(arguments.run))
        else:
            subject = read_subject(arguments.run)
            claims, more = compare(subject), _switch_table(subject)
    except CmgplanError as error:
        warn(f"error: {error}")
        return error.exit_code
    if arguments.json:
        print(as_json(arguments.run, claims))
    else:
        width = None if sys.stdout.isatty() else WIDTH
        show(Console(width=width, markup=False, highlight=False), claims, more)
    return 0


if __name__ == "__main__":
    sys.exit(main())
