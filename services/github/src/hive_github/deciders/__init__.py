"""The rules of what GitHub tells and is told: pure. `decide(state, command)` answers events."""
