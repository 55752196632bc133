"""A look at the clock between two iterations of Ipopt."""

from __future__ import annotations

from typing import Any

import casadi as ca

from cmgplan.solve.time_limit import UNLIMITED, TimeLimit


class Watch(ca.Callback):
    """Ends Ipopt when a limit of time is over, and tells that it is at work till then.

    Ipopt's own limits of time are fixed when a solver is made; this one may differ in each solve.

    Parameters
    ----------
    variables, rows
        Size of the problem; its parameters are twice as many as its variables.
    """

    def __init__(self, variables: int, rows: int) -> None:
        ca.Callback.__init__(self)
        self._sizes = {
            "f": 1,
            "x": variables,
            "lam_x": variables,
            "g": rows,
            "lam_g": rows,
            "lam_p": 2 * variables,
        }
        self._limit, self.ended = UNLIMITED, False
        self.construct("watch", {})

    def begin(self, limit: TimeLimit) -> None:
        """Look at this limit from now on."""
        self._limit, self.ended = limit, False

    def get_n_in(self) -> int:
        """Return how many values CasADi hands on."""
        return int(ca.nlpsol_n_out())

    def get_n_out(self) -> int:
        """Return how many values CasADi gets."""
        return 1

    def get_sparsity_in(self, k: int) -> Any:
        """Return the shape of one of them."""
        return ca.Sparsity.dense(self._sizes[ca.nlpsol_out(k)], 1)

    def eval(self, arg: Any) -> list[int]:
        """Return 1 when Ipopt is to stop."""
        self._limit.pulse()
        self.ended = self._limit.over
        return [int(self.ended)]
