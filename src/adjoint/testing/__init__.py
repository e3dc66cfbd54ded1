"""Floor 8: what users need to test their own programs: the scripted LM and the fake provider."""
