"""Search for inputs on which a property of the tests does not hold, for as long as is given.

    scripts/fuzz.py --minutes 20 [--seed 1] [--only readers|fronts|runs]

Properties take turns with new seeds. A failure is shrunk, printed with how to see it again, and
counted; the exit code is 1 then. Same seed and number of turns: same examples.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import hypothesis
from properties import PROPERTIES, Property

TURN = 50
"""Examples of a reader's property in a turn; properties that take longer have fewer."""

SLOW = 4
"""The same of properties of whole problems and runs."""


def main() -> int:
    """Take turns until the time is over; return 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=sorted({prop.room for prop in PROPERTIES}))
    given = parser.parse_args()
    chosen = [prop for prop in PROPERTIES if given.only in (None, prop.room)]
    tries: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    end, turn = time.monotonic() + 60.0 * given.minutes, 0
    while time.monotonic() < end:
        for prop in chosen:
            if time.monotonic() < end and not take_turn(prop, given.seed + turn, tries):
                failures[prop.name] += 1
        turn += 1
    for prop in chosen:
        print(f"{tries[prop.name]:8d} examples, {failures[prop.name]} failures: {prop.name}")
    return int(bool(failures))


def take_turn(prop: Property, seed: int, tries: Counter[str]) -> bool:
    """Try a property on the examples of a seed; print what fails."""

    def counted(drawn: tuple[Any, ...]) -> None:
        tries[prop.name] += 1
        prop.holds(*drawn)

    examples = TURN if prop.room == "readers" else SLOW
    chosen = hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        print_blob=False,
    )
    tried: Callable[[], None] = hypothesis.seed(seed)(
        chosen(hypothesis.given(hypothesis.strategies.tuples(*prop.drawn))(counted))
    )
    try:
        tried()
    except Exception:  # noqa: BLE001  # a search goes on whatever it finds
        print(f"FAILED with seed {seed}: {prop.name}")
        traceback.print_exc(file=sys.stdout)
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
