"""The same homes with less flexibility, or without policies."""
