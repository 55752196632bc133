"""What the user gave: records, reading and checking."""

from cmgplan.case.read import check_case, load_case
from cmgplan.case.records import Case

__all__ = ["Case", "check_case", "load_case"]
