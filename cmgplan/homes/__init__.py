"""Home microgrids: what the systems that run their day share."""
