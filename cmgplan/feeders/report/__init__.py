"""Folders and pages of these runs, and their verification from the files alone."""
