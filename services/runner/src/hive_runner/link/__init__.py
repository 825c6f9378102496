"""The way to the hive: the session, its orders, reports and artifacts."""
