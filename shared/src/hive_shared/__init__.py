"""The machinery that Agent Hive's services share."""
