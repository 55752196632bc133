"""Emission of a plant as a quadratic function of what it delivers."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo

from cmgplan.arrays import FloatArray
from cmgplan.devices.base import Forecasts, NonNegative, Record

TANGENTS = 9
"""Outputs between 0 and the rating at which the block has tangents from the beginning."""


class Emission(Record):
    """``square * P^2 + linear * P + fixed * on`` in kg/h from kW of output P.

    Response eqs. (57) for CHPs and (65) for boilers; P is electricity of a CHP and heat of a
    boiler. ``fixed`` counts while the plant is on.
    """

    square: NonNegative = 0.0
    linear: NonNegative = 0.0
    fixed: NonNegative = 0.0

    def exact_kg_per_h(self, output_kw: FloatArray, on: FloatArray) -> FloatArray:
        """Return the emission in kg/h of outputs in kW, shape (T,); ``on`` is 0 or 1.

        An output under zero (a CHP that its offset makes consume) counts as none.
        """
        output = np.maximum(output_kw, 0.0)
        return np.asarray(self.square * output**2 + self.linear * output + self.fixed * on)

    def add_to(self, b: pyo.Block, h: Forecasts, output: str, most_kw: float) -> None:
        """Add ``emission[t]``, kg/h, as a variable over tangents of the quadratic.

        ``output`` names what the emission depends on, ``p_inj`` or ``heat_inj`` of the block,
        ``most_kw`` its greatest value.

        Each tangent, at an output u, is in the perspective form
        ``2 square u P - square u^2 on + linear P + fixed on``, which is tight at on = 0 as well
        (Frangioni and Gentile, Mathematical Programming 106, 2006, 225-236). The variable is
        exact from below alone: where emission neither costs nor is limited it means nothing,
        and ``exact_kg_per_h`` is what is reported.
        """
        b.emission = pyo.Var(h.steps, bounds=(0.0, None))
        b.emission_output = output
        b.tangents = pyo.ConstraintList(doc="emission over tangents, kg/h, response (57), (65)")
        b.tangent_outputs = {t: [] for t in h.steps}
        points = np.linspace(0.0, most_kw, TANGENTS) if self.square > 0.0 else np.zeros(1)
        for t in h.steps:
            if b.component("on") is not None:
                b.tangents.add(b.emission[t] >= self.fixed * b.on[t])
            for point in points:
                self._add_tangent(b, t, float(point))

    def refine(self, b: pyo.Block, output_kw: FloatArray, tolerance_kg_per_h: float = 0.0) -> int:
        """Add a tangent at the output of every hour in which the block is too low by more.

        Returns the number of tangents added: none once the block's emission at these outputs,
        shape (T,), is exact within the tolerance.
        """
        added = 0
        for t, points in b.tangent_outputs.items():
            output = max(float(output_kw[t]), 0.0)
            # A tangent at u is square * (P - u)^2 under the quadratic at P.
            if self.square * min((output - u) ** 2 for u in points) > tolerance_kg_per_h:
                self._add_tangent(b, t, output)
                added += 1
        return added

    def _add_tangent(self, b: pyo.Block, t: int, output_kw: float) -> None:
        """Add the tangent at an output to hour t."""
        on = 1.0 if b.component("on") is None else b.on[t]
        slope = 2.0 * self.square * output_kw + self.linear
        level = self.fixed - self.square * output_kw**2
        b.tangents.add(b.emission[t] >= slope * b.component(b.emission_output)[t] + level * on)
        b.tangent_outputs[t].append(output_kw)
