"""What plan.json holds, key by key: made by the levels, kept by the result, read by the report."""
