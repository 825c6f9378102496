"""GitHub's REST and GraphQL, as far as the hive needs them. Imported once GitHub is configured."""
