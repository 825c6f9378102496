"""What tasks' commands print: live from Redis, and whole from the artifacts of ended attempts."""
