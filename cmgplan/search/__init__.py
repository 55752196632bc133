"""Choosing among answers: epsilon fronts, fuzzy choice, games of coalitions; no power systems."""
