"""Power at both ends of a branch in polar coordinates, for numbers and for symbols alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.network.grid import Branches


def branch_powers(x: Sequence[Any], p: Sequence[Any], ops: Any) -> list[Any]:
    """Return ``p_from, q_from, p_to, q_to`` (pu), what enters the branch at either end.

    ``x`` is ``v_from, v_to, angle_from, angle_to``; ``p`` the eight parts of ``two_port``; ``ops``
    has ``sin`` and ``cos``. With ``S_f = conj(y_ff) v_f^2 + conj(y_ft) v_f v_t e^(j angle)``.
    """
    v_f, v_t, a_f, a_t = x
    g_ff, b_ff, g_ft, b_ft, g_tf, b_tf, g_tt, b_tt = p
    c = v_f * v_t * ops.cos(a_f - a_t)
    s = v_f * v_t * ops.sin(a_f - a_t)
    return [
        g_ff * v_f * v_f + g_ft * c + b_ft * s,
        -b_ff * v_f * v_f - b_ft * c + g_ft * s,
        g_tt * v_t * v_t + g_tf * c - b_tf * s,
        -b_tt * v_t * v_t - b_tf * c - g_tf * s,
    ]


def branch_loads(x: Sequence[Any], p: Sequence[Any], ops: Any) -> list[Any]:
    """Return the squared apparent power at either end, less ``(i_max v)^2`` (pu).

    ``p`` is ``two_port`` and, ninth, the squared current limit, zero where apparent power is
    limited.
    """
    p_f, q_f, p_t, q_t = branch_powers(x, p[:8], ops)
    return [
        p_f * p_f + q_f * q_f - p[8] * x[0] * x[0],
        p_t * p_t + q_t * q_t - p[8] * x[1] * x[1],
    ]


def branch_load(x: Sequence[Any], p: Sequence[Any], ops: Any) -> list[Any]:
    """Return the first of ``branch_loads``, enough where both ends carry the same current."""
    return branch_loads(x, p, ops)[:1]


def shunt_power(x: Sequence[Any], p: Sequence[Any], ops: Any) -> list[Any]:
    """Return the active and reactive power that a shunt ``g + jb`` draws at voltage x (pu)."""
    return [p[0] * x[0] * x[0], -p[1] * x[0] * x[0]]


def two_port(branches: Branches) -> FloatArray:
    """Return real and imaginary parts of ``y_ff, y_ft, y_tf, y_tt``, shape (8, l)."""
    parts = [part for y in branches.admittances() for part in (y.real, y.imag)]
    return np.asarray(parts, dtype=np.float64).reshape(8, len(branches))
