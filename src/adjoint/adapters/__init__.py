"""Floor 3: adapters, pure functions from a signature to a request and from a response to typed outputs."""
