"""The files that people write: `mission.yaml` and `.hive/repo.yaml`.

    text ── document ──▶ Node tree with lines ── reading ──▶ structs (mission, repository)
                                                                 │ compile
                                                                 ▼
                                                        hive_contracts.plan.Plan

Everything that is wrong in them is one FileProblem, with its place and what to do about it.
"""

from hive_contracts.files.compile import compile_plan
from hive_contracts.files.document import FileProblem
from hive_contracts.files.mission import MissionFile, parse_mission
from hive_contracts.files.repository import RepositoryFile, parse_repository

__all__ = [
    "FileProblem",
    "MissionFile",
    "RepositoryFile",
    "compile_plan",
    "parse_mission",
    "parse_repository",
]
