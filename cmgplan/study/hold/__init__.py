"""A finished plan whose switches are held over scenarios: run, written, read, checked, told."""
