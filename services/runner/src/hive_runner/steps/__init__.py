"""What an attempt goes through, from its lease to its outcome."""
