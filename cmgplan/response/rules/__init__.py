"""A day by the three policies as rules: causal, hour by hour, without an optimiser."""
