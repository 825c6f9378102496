"""Every rule of the hive's work, as pure functions: `decide(state, command)` and `evolve(state,
event)`.
"""
