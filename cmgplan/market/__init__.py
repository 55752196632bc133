"""Coalition market of home microgrids: who leads, who follows, at what prices."""
