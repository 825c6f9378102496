"""A task's output over breaks of the connection: nothing of it twice, and nothing left out."""

from collections.abc import Iterator

from hive_contracts.output import Fresh, Seen
from hive_contracts.v1 import log_pb2


class Logged:
    def __init__(self) -> None:
        self.from_epoch = 0
        """Where to go on after a break."""
        self._begun = 0
        self._seen: dict[tuple[int, str], Seen] = {}
        self._gaps: set[tuple[int, str, int, int, str]] = set()

    def take(self, answer: log_pb2.LogsResponse) -> Iterator[log_pb2.LogsResponse]:
        """What of an answer is new."""
        match answer.WhichOneof("said"):
            case "piece":
                yield from self._fresh(answer)
            case "gap":
                if self._is_new_gap(answer.epoch, answer.gap):
                    yield answer
            case "begun":
                self.from_epoch = answer.epoch
                if answer.epoch > self._begun:
                    self._begun = answer.epoch
                    yield answer
            case "ended":
                self.from_epoch = answer.epoch + 1
                yield answer
            case _:
                yield answer

    def _fresh(self, answer: log_pb2.LogsResponse) -> Iterator[log_pb2.LogsResponse]:
        epoch, said = answer.epoch, answer.piece
        for part in self._of(epoch, said.output).take(said.offset, said.piece):
            if isinstance(part, Fresh):
                piece = log_pb2.LogPiece(
                    output=said.output, offset=part.offset, piece=part.piece, late=part.late
                )
                yield log_pb2.LogsResponse(epoch=epoch, piece=piece)

    def _is_new_gap(self, epoch: int, gap: log_pb2.LogGap) -> bool:
        told = (epoch, gap.output, gap.offset, gap.size, gap.reason)
        if told in self._gaps or self._of(epoch, gap.output).has(gap.offset, gap.size):
            return False
        self._gaps.add(told)
        return True

    def _of(self, epoch: int, output: str) -> Seen:
        return self._seen.setdefault((epoch, output), Seen())
