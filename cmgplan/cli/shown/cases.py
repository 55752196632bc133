"""What is printed of cases: their names and their faults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cmgplan.cli.console import say, warn
from cmgplan.plurals import counted

if TYPE_CHECKING:
    from cmgplan.case.bundled import BundledCase
    from cmgplan.errors import Fault


def print_cases(cases: Sequence[BundledCase]) -> None:
    """Print name, system and title of each bundled case, and where they lie."""
    if not cases:
        warn("no case is bundled with this installation")
        return
    width = max(len(case.name) for case in cases)
    kind = max(len(case.system) for case in cases)
    for case in cases:
        say(f"{case.name:{width}}  {case.system:{kind}}  {case.title}")
    say(f"in {cases[0].folder.parent}")


def print_faults(faults: Sequence[Fault], head: str = "") -> None:
    """Print faults grouped by file, errors before warnings; ``head`` says who finds them."""
    for severity in ("error", "warning"):
        of_kind = [fault for fault in faults if fault.severity == severity]
        if not of_kind:
            continue
        say(f"{head}{counted(len(of_kind), severity)}")
        for file in dict.fromkeys(fault.file for fault in of_kind):
            say(f"  {file}")
            for fault in (fault for fault in of_kind if fault.file == file):
                where = f"{fault.where}: " if fault.where else ""
                say(f"    {where}{fault.message}; {fault.mend}")
