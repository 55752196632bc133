"""What the user gave: records, reading and checking."""

from cmgplan.planning.case.read import check_case, load_case
from cmgplan.planning.case.records import Case

__all__ = ["Case", "check_case", "load_case"]
