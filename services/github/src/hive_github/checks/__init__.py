"""Checks on GitHub: those that the hive shows, their buttons, and those that it waits for."""
