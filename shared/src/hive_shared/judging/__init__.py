"""What a test run's report says, and whether a later run is worse: pure, but for reading files."""
