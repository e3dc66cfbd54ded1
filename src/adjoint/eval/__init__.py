"""Floor 6: metrics, evaluation, statistics, racing and the certificate."""
