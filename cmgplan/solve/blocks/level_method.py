"""Multipliers of blocks by the level method (Lemaréchal, Nemirovskii and Nesterov 1995).

A hull of few patterns overestimates what multipliers far from those asked so far can prove, as it
lacks the patterns that would lower the value there. Of all multipliers at which the hull promises
at least some level, between the proven bound and its own value, those nearest to a centre are
asked (doi 10.1007/BF01585555). The dual of that question is the hull with the weights of each
block summing up to any common multiple, and with coupling rows that give at a quadratic penalty.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from cmgplan.arrays import FloatArray
from cmgplan.solve.blocks.hull import Hull, HullModel, Mix, Question, copies_of
from cmgplan.solve.blocks.problem import BlockProblem
from cmgplan.solve.blocks.tuning import TUNING
from cmgplan.solve.conic_program import ConicProgram, solve_conic


def level_multipliers(
    problem: BlockProblem,
    question: Question,
    patterns: Mix,
    hull: Hull,
    centre: FloatArray,
    level: float,
    *,
    spare: bool = False,
) -> FloatArray | None:
    """Return the multipliers nearest to a centre at which a hull of patterns promises a level.

    Parameters
    ----------
    problem, question, patterns, spare
        As for ``solve_hull``.
    hull
        Its answer. Distances count in the larger of its multipliers and the centre's.
    centre
        Multipliers of the coupling rows.
    level
        Value of the objective below that of the hull.

    Returns
    -------
    FloatArray or None
        Multipliers of the coupling rows; None where the solver found none.
    """
    copies = copies_of(problem, question, patterns, spare=spare)
    model = HullModel(problem, copies, question, elastic=False)
    program, coupling, unit = model.program(), problem.stacked_coupling, question.unit
    size = np.maximum(np.abs(centre), np.abs(hull.multipliers))
    spread = np.maximum(size, TUNING.master.least_spread * size.mean()) / unit
    n, count = len(program.cost), coupling.count
    gives = sp.csc_array(
        (coupling.sign, (model.coupled_rows(), coupling.number)), shape=(len(program.right), count)
    )
    multiple = sp.csc_array(-program.right[:, None])
    rows = sp.csr_array(sp.hstack([program.matrix, gives, multiple]))
    positive = sp.csr_array(([-1.0], ([0], [n + count])), shape=(1, n + count + 1))
    cones = program.equations + program.inequalities
    answer = solve_conic(
        ConicProgram(
            np.concatenate([program.cost, centre / unit, [-level / unit]]),
            sp.csc_array(sp.vstack([rows[:cones], positive, rows[cones:]])),
            np.zeros(len(program.right) + 1),
            program.equations,
            program.inequalities + 1,
            program.sizes,
            np.concatenate([np.zeros(n), spread**2, [0.0]]),
        )
    )
    if not answer.accepted:
        return None
    return unit * coupling.row_dual(answer.z[model.coupled_rows()])
