"""One corpus, queries of every construct of the language, and what each finds: the same on every index."""
