"""Floor 2: language models as one async method, and the policies that wrap them."""
