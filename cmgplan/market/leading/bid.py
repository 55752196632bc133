"""x."""

from cmgplan.market.leading.uniform import Uniform as Bid

__all__ = ["Bid"]
