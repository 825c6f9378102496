"""Gates: run, measured and judged."""
