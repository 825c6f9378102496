"""Pull requests: a mission's branch pushed, described, and carried on until somebody merges it."""
