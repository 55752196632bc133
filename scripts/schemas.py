"""Write the JSON Schemas of case.toml that ship with the package, from its records.

.venv/bin/python scripts/schemas.py
"""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

from cmgplan.systems import SYSTEMS


def main() -> None:
    """Write case.schema.json beside the records of each system."""
    for system in SYSTEMS.values():
        beside = Path(str(import_module(system.records).__file__))
        target = beside.with_name("case.schema.json")
        text = json.dumps(system.schema(), indent=2, ensure_ascii=False)
        target.write_text(text + "\n", encoding="utf-8")
        print(target)


if __name__ == "__main__":
    main()
