"""Days of an Elasticsearch on their way between its tiers, into the archive and back."""
