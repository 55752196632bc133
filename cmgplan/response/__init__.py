"""Demand response by price, by emission or by both: rules, an exact answer, heuristics."""
