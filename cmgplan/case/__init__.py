"""What every system reads a case with: folder, tables, rows, profiles, days, faults."""
