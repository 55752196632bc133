"""Bids of homes and their clearing in merit order."""
