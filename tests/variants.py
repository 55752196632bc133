"""The same case written otherwise: its optimum is the same, up to a unit of money."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cmgplan.planning.case import Case
from cmgplan.planning.case.records import CaseFile


@dataclass(frozen=True)
class Variant:
    """A case written otherwise, and what its costs are multiplied by."""

    case: Case
    money: float = 1.0


def _with_document(case: Case, document: Mapping[str, Any], **changes: Any) -> Case:
    file = CaseFile.model_validate_json(json.dumps(document, default=str))
    return replace(case, file=file, **changes)


def relabelled(case: Case, rng: np.random.Generator) -> Variant:
    """Give every microgrid, device and bus another name, in another alphabetical order."""
    document = case.file.model_dump()
    microgrids = [mg["id"] for mg in document["microgrid"]]
    names = {old: f"Z{k}" for old, k in zip(microgrids, rng.permutation(99), strict=False)}
    ids = rng.permutation(900) + 100
    buses = {bus.bus: f"N{k}" for bus, k in zip(case.buses, ids, strict=False)}
    for cluster in document["cluster"]:
        cluster["microgrids"] = [names[mg] for mg in cluster["microgrids"]]
    for record in document["microgrid"]:
        record["id"], record["bus"] = names[record["id"]], buses[record["bus"]]
        for devices in (value for value in record.values() if isinstance(value, list | tuple)):
            for device in devices:
                device["id"] = f"d-{rng.integers(10**9)}"
    for tie in document["tie"]:
        for end in ("from_microgrid", "to_microgrid"):
            tie[end] = names[tie[end]]
    document["network"]["slack_bus"] = buses[document["network"]["slack_bus"]]
    lines = tuple(
        line.model_copy(
            update={"from_bus": buses[line.from_bus], "to_bus": buses[line.to_bus], "line": f"W{k}"}
        )
        for k, line in enumerate(case.lines)
    )
    named = tuple(bus.model_copy(update={"bus": buses[bus.bus]}) for bus in case.buses)
    return Variant(_with_document(case, document, buses=named, lines=lines))


def reordered(case: Case, rng: np.random.Generator) -> Variant:
    """Shuffle microgrids, clusters, ties, buses and lines; turn ties and lines round."""
    document = case.file.model_dump()

    def shuffled(rows: Any) -> list[Any]:
        return [rows[int(k)] for k in rng.permutation(len(rows))]

    for key in ("microgrid", "cluster", "tie"):
        document[key] = shuffled(document[key])
    for cluster in document["cluster"]:
        cluster["microgrids"] = shuffled(cluster["microgrids"])
    for tie in document["tie"]:
        if rng.random() < 0.5:
            a, b = tie["from_microgrid"], tie["to_microgrid"]
            tie["from_microgrid"], tie["to_microgrid"] = b, a
    lines = tuple(
        line.model_copy(update={"from_bus": line.to_bus, "to_bus": line.from_bus})
        if rng.random() < 0.5
        else line
        for line in shuffled(case.lines)
    )
    return Variant(_with_document(case, document, buses=tuple(shuffled(case.buses)), lines=lines))


def in_other_money(case: Case, rng: np.random.Generator) -> Variant:
    """Multiply every price, of power and of pollution."""
    factor = float(rng.choice([0.37, 3.0, 11.0]))
    document = case.file.model_dump()
    _scale_prices(document, factor)
    column = document["grid"]["price_column"]
    profiles = {
        name: values * factor if name == column else values
        for name, values in case.profiles.items()
    }
    return Variant(_with_document(case, document, profiles=profiles), factor)


def _scale_prices(part: Any, factor: float) -> None:
    if isinstance(part, list | tuple):
        for item in part:
            _scale_prices(item, factor)
    if not isinstance(part, dict):
        return
    for key, value in part.items():
        if key == "emission_usd_per_mwh":
            part[key] = {name: price * factor for name, price in (value or {}).items()}
        elif key in ("price", "operation_cost_usd") and isinstance(value, int | float):
            part[key] = value * factor
        else:
            _scale_prices(value, factor)


def with_split_loads(case: Case, rng: np.random.Generator) -> Variant:
    """Write each load as two that share its power."""
    document = case.file.model_dump()
    for record in document["microgrid"]:
        parts = []
        for load in record["load"]:
            share = float(rng.uniform(0.1, 0.9))
            for part, name in ((share, "one"), (1.0 - share, "two")):
                power = {key: load[key] * part for key in ("p_kw", "q_kvar")}
                parts.append({**load, **power, "id": f"{load['id']}-{name}"})
        record["load"] = parts
    return Variant(_with_document(case, document))


VARIANTS: Mapping[str, Callable[[Case, np.random.Generator], Variant]] = {
    "in other money": in_other_money,
    "relabelled": relabelled,
    "reordered": reordered,
    "with split loads": with_split_loads,
}
