"""Suites that several implementations pass, and the simulator."""
