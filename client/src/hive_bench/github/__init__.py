"""`hive bench github`: webhooks, missions with pull requests, and GitHub's limits."""
