"""Studies: many runs of one system over days, scenarios, options and cases."""
