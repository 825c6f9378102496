"""How a service follows the events: `feed` reads them, `projector` and `effects` act on them.

Each keeps its own place in tables of its service's schema (`tables.sql`).
"""
