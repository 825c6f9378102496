"""One epoch's output on its way to one caller: what comes live, then what was kept. Pure.

Whatever comes twice is told once. What is missing is said when it is noticed, and told late once
the kept output has it.
"""

from collections.abc import Iterator
from typing import Literal

from hive_contracts.output import HEAD, Fresh, Gap, Seen, read_left_out
from hive_contracts.v1 import log_pb2

Reason = Literal["missed", "left-out", "lost"]


class Telling:
    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self._seen: dict[str, Seen] = {}
        self._final: set[tuple[str, Gap]] = set()
        """Gaps of which was said that they stay."""
        self._cuts: dict[str, range] = {}
        """What was not kept of outputs that were too long."""

    def live(
        self, output: str, offset: int, piece: bytes, missing: Reason = "missed"
    ) -> Iterator[log_pb2.LogsResponse]:
        """A piece as it was printed; `missing` is what becomes of a gap before it."""
        seen = self._seen.setdefault(output, Seen())
        for told in seen.take(offset, piece):
            match told:
                case Fresh(offset=begin, piece=fresh, late=late):
                    yield self._piece(output, begin, fresh, late=late)
                case Gap() as gap:
                    if missing != "missed":
                        self._final.add((output, gap))
                    yield self._gap(output, gap, missing)

    def kept(self, output: str) -> "Kept":
        """Where the pieces of an output that was kept are to go, in order."""
        # Of several outputs of one name the last one is the one that ended the epoch.
        named = [name for name in self._seen if name.partition(".")[0] == output]
        name = named[-1] if named else output
        return Kept(self, name, self._seen.setdefault(name, Seen()))

    def lost(self) -> Iterator[log_pb2.LogsResponse]:
        """What never came, once nothing more will."""
        for output, seen in self._seen.items():
            for gap in seen.gaps:
                if (output, gap) not in self._final:
                    cut = gap.offset in self._cuts.get(output, ())
                    yield self._gap(output, gap, "left-out" if cut else "lost")

    def cut(self, output: str, begin: int, end: int) -> None:
        """This was printed and not kept."""
        self._cuts[output] = range(begin, end)

    def _piece(
        self, output: str, offset: int, piece: bytes, *, late: bool = False
    ) -> log_pb2.LogsResponse:
        said = log_pb2.LogPiece(output=output, offset=offset, piece=piece, late=late)
        return log_pb2.LogsResponse(epoch=self.epoch, piece=said)

    def _gap(self, output: str, gap: Gap, reason: Reason) -> log_pb2.LogsResponse:
        said = log_pb2.LogGap(output=output, offset=gap.offset, size=gap.size, reason=reason)
        return log_pb2.LogsResponse(epoch=self.epoch, gap=said)


class Kept:
    """A kept output, read from its beginning: the bytes that its caller has not seen are told."""

    def __init__(self, telling: Telling, output: str, seen: Seen) -> None:
        self._telling = telling
        self._output = output
        self._seen = seen
        self._read = 0
        """Bytes of the artifact."""
        self._offset = 0
        """Of the next byte, as it was printed."""

    def next(self, piece: bytes) -> Iterator[log_pb2.LogsResponse]:
        """The next piece of the artifact. A reader's pieces end at HEAD, where it may be cut."""
        cut = read_left_out(piece) if self._read == HEAD else None
        self._read += len(piece)
        if cut is not None:
            size, line = cut
            piece = piece[line:]
            self._telling.cut(self._output, self._offset, self._offset + size)
            self._offset += size
        yield from self._telling.live(self._output, self._offset, piece, "left-out")
        self._offset += len(piece)
