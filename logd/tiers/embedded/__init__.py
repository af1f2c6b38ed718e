"""Days of the embedded index on their way into the archive."""
