"""The orchestrator: missions, tasks, attempts, gates, timers and scheduling."""
