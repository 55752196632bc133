"""What is made of every field and column of a MATPOWER case: honoured, noted or refused.

Columns are those of MATPOWER's case format, version 2 (Zimmerman, Murillo-Sanchez, Thomas 2011,
doi 10.1109/TPWRS.2010.2051168); fields those of its extensions.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.network.files.matpower_file import MatpowerFile

PMAX, PMIN, QMAX, QMIN, GEN_STATUS = 8, 9, 3, 4, 7
PC1, PC2, QC1MIN, QC1MAX, QC2MIN, QC2MAX = range(10, 16)
DC_STATUS = 2

HONOURED = frozenset(["bus", "gen", "branch", "gencost", "baseMVA", "version"])

COLUMNS: dict[str, tuple[frozenset[int], frozenset[int], frozenset[int]]] = {
    "bus": (
        frozenset([*range(6), 8, 9, 11, 12]),
        frozenset([6, 7, 10, *range(13, 17)]),
        frozenset(),
    ),
    "gen": (
        frozenset([0, *range(3, 6), *range(7, 10)]),
        frozenset([1, 2, 6, *range(16, 25)]),
        frozenset(range(10, 16)),
    ),
    "branch": (
        frozenset([*range(6), *range(8, 13)]),
        frozenset([6, 7, *range(13, 21)]),
        frozenset(),
    ),
}
"""Columns honoured, those without meaning for one hour's optimum, and those refused if they bind.

Without meaning are areas, zones, starts, results, short-term ratings B and C, ramp rates and
participation factors, which MATPOWER's own optimal power flow does not use either.
"""

REFUSED = {
    "A": "user-defined linear constraints",
    "l": "bounds of user-defined constraints",
    "u": "bounds of user-defined constraints",
    "N": "user-defined costs",
    "H": "user-defined costs",
    "Cw": "user-defined costs",
    "fparm": "user-defined costs",
    "zl": "bounds of user-defined variables",
    "zu": "bounds of user-defined variables",
    "userfcn": "functions of the user's own",
    **dict.fromkeys(
        ("bus3p", "line3p", "xfmr3p", "shunt3p", "load3p", "gen3p", "buslink"),
        "part of a three-phase network",
    ),
}
"""Fields that MATPOWER's optimal power flow obeys and this one cannot."""

NOTED = {
    "dclinecost": "costs of direct-current lines",
    "if": "interface limits, which MATPOWER obeys when they are switched on",
    "reserves": "reserve requirements, which MATPOWER obeys when they are switched on",
    "softlims": "soft limits, which MATPOWER obeys when they are switched on",
}

WITHOUT_PHYSICS = frozenset(
    [
        *("bus_name", "gentype", "genfuel", "gen_name", "branch_name", "areas", "name", "source"),
        *("order", "success", "et", "f", "x", "mu", "raw", "var", "lin", "nle", "nli", "om", "z0"),
    ]
)
"""Names, groups and results of an earlier run."""


def refusals(file: MatpowerFile) -> Iterator[str]:
    """Yield fields and rows of a case that cannot be honoured, with the mend."""
    for name in file.others:
        if name in REFUSED:
            yield f"mpc.{name} ({REFUSED[name]}) is not modelled; delete it to leave it out"
    lines = file.matrices.get("dcline")
    if lines is not None and lines.size:
        on = np.flatnonzero(lines[:, DC_STATUS] != 0) if lines.shape[1] > DC_STATUS else [0]
        if len(on):
            yield (
                f"mpc.dcline {_rows(on)} is a direct-current line in service, which is not "
                "modelled; set its status (column 3) to 0 to leave it out, and give what it "
                "carries as loads, negative at its to bus"
            )
    curved = _curves_that_bind(file.matrices["gen"])
    if len(curved):
        yield (
            f"mpc.gen {_rows(curved)} has a capability curve (Pc1 to Qc2max, columns 11 to 16) "
            "within its limits, which is not modelled; set these columns to 0 and give Qmin and "
            "Qmax that hold at every output"
        )


def remarks(file: MatpowerFile) -> Iterator[str]:
    """Yield notes on fields that are not followed."""
    for name in file.others:
        if name in WITHOUT_PHYSICS | REFUSED.keys():
            continue
        what = NOTED.get(name)
        yield f"mpc.{name}{f' ({what})' if what else ''} is not honoured"


def _curves_that_bind(gen: FloatArray) -> FloatArray:
    """Return the rows in service whose reactive limits a curve narrows somewhere, from 0 on.

    As in MATPOWER a curve is two straight lines through reactive limits at Pc1 and Pc2, and none
    where both are zero.
    """
    if gen.shape[1] <= QC2MAX:
        return np.zeros(0)
    with np.errstate(all="ignore"):
        curved = (gen[:, GEN_STATUS] > 0) & ((gen[:, PC1] != 0) | (gen[:, PC2] != 0))
        width = gen[:, PC2] - gen[:, PC1]
        narrow = np.zeros(len(gen), dtype=bool)
        for first, last, limit, sign in (
            (QC1MAX, QC2MAX, QMAX, 1.0),
            (QC1MIN, QC2MIN, QMIN, -1.0),
        ):
            for p in (PMIN, PMAX):
                slope = (gen[:, last] - gen[:, first]) / width
                there = gen[:, first] + slope * (gen[:, p] - gen[:, PC1])
                narrow |= ~(sign * there >= sign * gen[:, limit] - 1e-9)
    return np.asarray(np.flatnonzero(curved & narrow), dtype=np.float64)


def _rows(rows: object) -> str:
    """Return the first rows of a matrix, counted from 1."""
    given = [str(int(row) + 1) for row in np.asarray(rows)]
    rest = len(given) - 5
    return f"row {', '.join(given[:5])}" + (f" and {rest} more" if rest > 0 else "")
