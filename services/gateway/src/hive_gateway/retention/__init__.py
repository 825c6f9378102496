"""How long artifacts are kept: which missions name them, and the sweep that deletes them."""
