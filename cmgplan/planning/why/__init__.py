"""Why a level or a Pareto point has no answer."""
