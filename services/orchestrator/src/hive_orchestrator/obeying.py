"""What the error-budget policy demands of the orchestrator, as a port."""

from typing import Protocol

from hive_contracts.policy import Restraints


class Obeying(Protocol):
    async def now(self) -> Restraints:
        """Raises StoreError."""
        ...
