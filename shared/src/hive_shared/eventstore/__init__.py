"""The event store: the system of record.

`port` says what a store does, `postgres` is the store, `memory` its twin; both pass the same suite.
"""
