"""Incidents: opened from alerts, one for each cause, with a timeline and a summary.

symptoms ─────┐
objectives ───┼─▶ grouped by cause ─▶ decided ─▶ record ─┬─▶ webhooks, Alertmanager
Alertmanager ─┘   every two seconds                      └─▶ runbook, behind an approval
  (inbox)                                     people ─▶ acknowledge, mitigate, resolve, note
"""
