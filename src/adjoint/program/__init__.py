"""Floor 4: parameters, state, modules, the context they run in and the tape they write."""
