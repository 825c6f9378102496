"""Decode, load, decide, append, answer: what stands between a message and a decider."""
