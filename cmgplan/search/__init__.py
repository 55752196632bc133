"""Multi-objective search: epsilon constraints and fuzzy selection; knows no power systems."""
