"""The relay: publishes the record to the bus. A process: `python -m hive_shared.relay`."""
