"""Writing the archive, and looking after it."""
