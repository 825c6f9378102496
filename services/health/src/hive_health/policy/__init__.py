"""The error-budget policy: what follows where a budget is used up, decided here, obeyed by others.

budgets, policy.yaml ──▶ decided ──▶ record ──▶ orchestrator: fewer at once, people approve
people ─────override─────▲                 └──▶ gateway: nothing is landed
"""
