"""What a run of the market is asked for: its structures."""
