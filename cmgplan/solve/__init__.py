"""The only place that calls a solver; every call returns an outcome."""
