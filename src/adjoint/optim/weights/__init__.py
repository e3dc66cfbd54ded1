"""Training: rows that a program has made become weights, in this process or at a provider."""
