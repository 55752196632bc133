"""Files, tables, figures and the page."""
