"""The six levels: islanded microgrids, clusters, the grid's front, the upper level."""
