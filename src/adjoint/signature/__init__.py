"""Floor 2: signatures, typed inputs -> typed outputs with an instruction."""
