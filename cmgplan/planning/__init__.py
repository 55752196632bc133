"""The six levels, the pipeline and its result."""
