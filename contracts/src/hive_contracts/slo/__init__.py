"""Service level objectives as files: read, judged and exported the same way everywhere. Pure.

*.yaml (OpenSLO) ──▶ objective ──▶ burn: own counts ──▶ budget, alerts
                         └───────▶ rules: Prometheus computes the same from its own samples
"""
