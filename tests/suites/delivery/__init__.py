"""Relay and subscriptions from one seed: the code as it ships, over twins at its ports.

    writers ──▶ record (the twin store) ──▶ relays ──▶ bus twin ──▶ projectors ──▶ rows
                        └──────────────────────────────────┴─────▶ effects ────▶ the outside

Each call of a port is a step, and whoever drives says whose step is next, so that a process can be
killed or frozen between any two.
"""
