"""Generated from proto/hive/v1 by contracts/generate.py."""
