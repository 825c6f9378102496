"""A pull request merged by the hive, or by GitHub's queue, where its mission says so."""
