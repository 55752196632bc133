"""Block decomposition: blocks, their hull (the master problem), multipliers, proven bounds."""
