"""Searching the archive where it lies: the embedded index's reader over files in a store of objects."""
