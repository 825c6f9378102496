"""Read models: events folded into rows, and what can be asked of them."""
