"""A page and its parts: tables, words, style, templates."""
