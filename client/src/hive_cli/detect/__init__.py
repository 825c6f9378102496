"""What a repository is made of, told from its files: a pure function of their names and texts.

    paths and texts ── folder ──▶ projects (python, node, compiled) ─┐
                    └── ci ─────▶ what CI and the devcontainer run ──┴─ detect ──▶ Detected

Nothing of the repository is run. What is not sure is proposed as a comment, never as a gate.
"""

from hive_cli.detect.detect import detect, programs
from hive_cli.detect.findings import Detected, Gate, Project, Step

__all__ = ["Detected", "Gate", "Project", "Step", "detect", "programs"]
