"""The allocators, one file each: who buys which cells, and whom they show to be best."""
