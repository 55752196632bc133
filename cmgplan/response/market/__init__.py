"""The market of a day: who offers and bids what, at which price it clears, who is rejected."""
