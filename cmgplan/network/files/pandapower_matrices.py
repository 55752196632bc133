"""Pandapower's own matrices of a network: buses, branches, and the places of tables in them."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cmgplan.arrays import FloatArray, IntArray
from cmgplan.errors import InputError
from cmgplan.network.grid import Branches

ISOLATED = 4

LIMITS = ("min_p_mw", "max_p_mw", "min_q_mvar", "max_q_mvar")

_ASYMMETRIC = (("rft_pu", "rtf_pu"), ("xft_pu", "xtf_pu"), ("gf_pu", "gt_pu"), ("bf_pu", "bt_pu"))
_WITHOUT_LIMIT = ("xward", "switch")
"""Kinds to whose branches pandapower's conversion gives a limit that no table holds."""


@dataclass(frozen=True)
class Matrices:
    """A converted network, out-of-service rows included.

    Attributes
    ----------
    bus, branch
        MATPOWER's matrices; those of buses without supply left out.
    base_mva
        Base of all per-unit powers.
    position
        Row of ``bus`` for each index of ``net.bus``, -1 without supply or out of service.
    inner
        Names of the rows of ``bus`` that stand in no table.
    """

    net: Any
    bus: FloatArray
    branch: FloatArray
    base_mva: float
    position: IntArray
    inner: dict[int, str]
    _used: npt.NDArray[np.bool_]

    def rows_of(self, buses: Any) -> IntArray:
        """Return the rows of ``bus`` of some indices of the table of buses."""
        return self.position[np.asarray(buses, dtype=np.int64)]


def converted(net: Any, file: str) -> Matrices:
    """Return a network's matrices by pandapower's conversion, transformers as pi models.

    Raises
    ------
    InputError
        Pandapower cannot convert it.
    """
    ppc = _ppc(net, file)
    used = ppc["bus"][:, 1] != ISOLATED
    own = np.where(used, np.cumsum(used) - 1, -1)
    lookup = own[net._pd2ppc_lookups["bus"]]
    inner = {}
    for kind, buses in net._pd2ppc_lookups["aux"].items():
        for index, bus in zip(net[kind].index, buses, strict=True):
            inner[int(lookup[bus])] = f"inner {kind} {index}"
    return Matrices(
        net=net,
        bus=ppc["bus"][used],
        branch=ppc["branch"].real,
        base_mva=float(ppc["baseMVA"]),
        position=lookup,
        inner=inner,
        _used=own,
    )


def _ppc(net: Any, file: str) -> Any:
    from pandapower.converter.pypower.to_ppc import to_ppc
    from pandapower.pd2ppc import _pd2ppc

    for kind in ("gen", "sgen", "storage", "load"):
        if "controllable" not in net[kind]:
            net[kind]["controllable"] = kind == "gen"
        for limit in LIMITS:
            if limit not in net[kind]:
                net[kind][limit] = np.nan
    costs = {name: net[name] for name in ("poly_cost", "pwl_cost")}
    for name, table in costs.items():
        net[name] = table.iloc[:0]  # read elsewhere; the conversion refuses some mixtures
    logger = logging.getLogger("pandapower")
    level = logger.level
    logger.setLevel(logging.ERROR)  # of costs and limits that the conversion fills in
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of networks saved by old versions
            to_ppc(net, mode="opf", init="flat", trafo_model="pi", take_slack_vm_limits=True)
            ppc, _ = _pd2ppc(net)  # to_ppc cuts off the conductances
    except (LookupError, ValueError, TypeError, AttributeError, UserWarning) as error:
        raise InputError(f"{file}: pandapower cannot convert it ({error})") from error
    finally:
        logger.setLevel(level)
        net.update(costs)
    return ppc


def branches_of(matrices: Matrices, file: str) -> Branches:
    """Return the branches in service, limited by current at both ends.

    Raises
    ------
    InputError
        A branch looks different from its two ends.
    """
    from pandapower.pypower import idx_brch as at

    table, base = matrices.branch, matrices.base_mva
    ends = matrices._used[table[:, [at.F_BUS, at.T_BUS]].astype(np.int64)]
    used = (table[:, at.BR_STATUS] != 0) & (ends >= 0).all(axis=1)
    data, rows = table[used], np.flatnonzero(used)
    names = _names(matrices.net)
    ids = [names.get(int(k), f"branch {k}") for k in rows]
    _refuse_asymmetric(ids, data, file)
    limited = np.array([not name.startswith(_WITHOUT_LIMIT) for name in ids], dtype=bool)
    rate = data[:, at.RATE_A] / base
    count = len(data)
    return Branches(
        ids=tuple(ids),
        from_bus=ends[used, 0].astype(np.int64),
        to_bus=ends[used, 1].astype(np.int64),
        r_pu=data[:, at.BR_R],
        x_pu=data[:, at.BR_X],
        g_pu=data[:, at.BR_G],
        b_pu=data[:, at.BR_B],
        tap=np.where(data[:, at.TAP] == 0, 1.0, data[:, at.TAP]),
        shift_rad=np.deg2rad(data[:, at.SHIFT]),
        s_max_pu=np.full(count, np.inf),
        i_max_pu=np.where(limited & np.isfinite(rate) & (rate != 0.0), rate, np.inf),
        angle_min_rad=np.full(count, -np.inf),
        angle_max_rad=np.full(count, np.inf),
    )


def _names(net: Any) -> dict[int, str]:
    """Return the table and index of each row of the matrix of branches."""
    names: dict[int, str] = {}
    for kind, (first, last) in net._pd2ppc_lookups["branch"].items():
        index = net[kind].index
        if kind == "trafo3w":
            told = [f"trafo3w {k} {side}" for side in ("hv", "mv", "lv") for k in index]
        elif kind == "switch":
            told = [f"switch {k}" for k in index[np.asarray(net._impedance_bb_switches)]]
        else:
            told = [f"{kind} {k}" for k in index]
        names.update(zip(range(first, last), told, strict=False))
    return names


def _refuse_asymmetric(ids: list[str], data: FloatArray, file: str) -> None:
    from pandapower.pypower import idx_brch as at

    columns = (at.BR_R_ASYM, at.BR_X_ASYM, at.BR_G_ASYM, at.BR_B_ASYM)
    faults = []
    for column, (one, other) in zip(columns, _ASYMMETRIC, strict=True):
        named = [ids[k] for k in np.flatnonzero(data[:, column] != 0)]
        if named:
            what = f"{one} and {other} differ; give" if "impedance" in named[0] else "it has not"
            faults.append(
                f"{', '.join(named[:5])}: {what} the same impedance seen from both ends, or take "
                "it out of service"
            )
    if faults:
        raise InputError(f"{file}: " + "; ".join(faults))
