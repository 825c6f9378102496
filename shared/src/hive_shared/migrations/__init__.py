"""Numbered migrations: `NNNN_name.sql` files, applied once, in order, each in a transaction.

    hive            the log's own, in hive_shared/eventstore/sql, run as hive_owner
    orchestrator…   each service's, in hive_<service>/sql, run as hive_<service>: what a file makes
                    belongs to that role, and it can touch no other schema

An applied file must not change any more: its checksum is kept in `hive.migrations`. Any number of
processes may run the same migrations at once.
"""

from hive_shared.migrations.files import (
    HIVE,
    ChangedMigration,
    MigrationError,
    MigrationFailed,
    MisnumberedMigration,
    Schema,
    service_schema,
)
from hive_shared.migrations.run import migrate

__all__ = [
    "HIVE",
    "ChangedMigration",
    "MigrationError",
    "MigrationFailed",
    "MisnumberedMigration",
    "Schema",
    "migrate",
    "service_schema",
]
