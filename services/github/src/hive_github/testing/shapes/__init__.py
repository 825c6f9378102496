"""How things look in answers and in webhooks."""
