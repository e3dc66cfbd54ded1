"""Floor 2: the append-only record of every run."""
