"""Write the JSON Schemas of case.toml and plan.json that ship with the package, from its records.

.venv/bin/python scripts/schemas.py
"""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

from cmgplan.planning import report
from cmgplan.planning.record import plan
from cmgplan.systems import SYSTEMS


def main() -> None:
    """Write case.schema.json beside the records of each system, and plan.schema.json."""
    for system in SYSTEMS.values():
        beside = Path(str(import_module(system.records).__file__))
        _write(beside.with_name("case.schema.json"), system.schema())
    _write(Path(report.__file__).with_name("plan.schema.json"), plan.json_schema())


def _write(target: Path, schema: dict[str, Any]) -> None:
    text = json.dumps(schema, indent=2, ensure_ascii=False)
    target.write_text(text + "\n", encoding="utf-8")
    print(target)


if __name__ == "__main__":
    main()
