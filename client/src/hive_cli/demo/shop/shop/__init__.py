"""A very small shop. Amounts are whole cents."""
