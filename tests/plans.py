"""Small cases planned for tests: read, connected, asked random questions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from factories import write_case

from cmgplan.network.feeder import build_feeder
from cmgplan.planning.case import Case, load_case
from cmgplan.planning.case.records import PlanOptions
from cmgplan.planning.levels.level4 import OBJECTIVES, GridConnection
from cmgplan.planning.model.operation import Operation
from cmgplan.planning.model.switches import SwitchHours, allow

EVERY_KIND = ("microgrid", "cluster", "grid")


def small(folder: Path, edits: Mapping[str, object] | None = None, **tables: str) -> Case:
    """Write the small case with edits and read it."""
    return load_case(write_case(folder, edits, **tables))


def quick(case: Case, **changes: object) -> PlanOptions:
    """Return the case's options with a short time limit and other changes."""
    return case.options.model_copy(update={"time_limit_s": 3.0, **changes})


def connect(
    case: Case, options: PlanOptions | None = None, mask: SwitchHours | None = None
) -> GridConnection:
    """Return Level 4 with every switch free to close unless a mask is given."""
    return GridConnection(
        case,
        quick(case) if options is None else options,
        build_feeder(case),
        allow(case, EVERY_KIND) if mask is None else mask,
    )


def random_weights(rng: np.random.Generator) -> dict[str, float]:
    """Return weights of the three objectives; losses in kWh weigh like cost in $."""
    return dict(zip(OBJECTIVES, rng.uniform(0.05, 1.0, 3).tolist(), strict=True))


def score(weights: Mapping[str, float], operation: Operation) -> float:
    """Return the weighted sum of an operation's objectives."""
    return sum(weight * operation.value(name) for name, weight in weights.items())
