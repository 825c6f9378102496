"""What `Retry` launches where only the failed tasks of a mission are asked for."""

from collections.abc import Sequence

from hive_contracts.codec import AnyEvent
from hive_contracts.undone import NotAlone, NothingFailed, Undone, undone
from hive_contracts.v1 import mission_pb2
from hive_gateway.refusals import Refusal


def left_of(mission: str, history: Sequence[AnyEvent]) -> Undone:
    """Raises Refusal where nothing failed, or what is left cannot be done by itself."""
    whole = f"hive retry {mission} does all of it again"
    try:
        return undone(history)
    except NothingFailed:
        raise Refusal(
            "conflict",
            f"there is nothing to retry: no task of {mission} has failed",
            "failed",
            whole,
        ) from None
    except NotAlone as reason:
        raise Refusal(
            "conflict",
            f"the failed tasks of {mission} cannot be done again alone: {reason}",
            "failed",
            whole,
        ) from None


def tell_left(left: Undone, answer: mission_pb2.RetryResponse) -> None:
    answer.failed.extend(left.failed)
    answer.undone.extend(left.held_up)
    repository = left.plan.repository
    if repository is not None:
        answer.start = repository.start.commit if repository.start else repository.base
