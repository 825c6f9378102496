"""Coding agents: how they are asked, what they say, what they may use."""
