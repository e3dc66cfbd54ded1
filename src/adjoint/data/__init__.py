"""Floor 2: examples, scores, splits, and the loaders that read them from files."""
