"""What a review wants of an agent: first all of it, and later what has changed since. Pure.

taken for the first time   threads that are open, and the review itself where it requests changes
opened again               a thread that was resolved, and is open now
edited                     words that no round was told of, in an open thread or in one that the
                           hive has resolved meanwhile; not where the reviewer approved since

What the hive says itself is nobody's word, so its answers bring nothing back; and each change is
taken once, as the review was.
"""

import hashlib
from collections.abc import Iterator
from typing import Final

import msgspec

from hive_contracts.github.pull_request import RoundAsked
from hive_github.deciders.rounds import Rounds
from hive_github.pulls.reviews import Review, Thread, is_ours

MAX_WORDS: Final = 400
"""Of one review that are remembered; of more nobody is told again where they are edited."""
_DIGITS: Final = 12


class Wanted(msgspec.Struct, frozen=True):
    source: str
    title: str
    review: Review
    """With no more than what is to be told."""
    words: tuple[str, ...]
    """Of the whole review, as it stands now."""


def wanted(review: Review, rounds: Rounds) -> Wanted | None:
    """None where it wants nothing, or nothing that is new."""
    words = tuple(dict.fromkeys(_all_words(review)))
    remembered = words if len(words) <= MAX_WORDS else ()
    source = f"review {review.id}"
    if source not in rounds.taken:
        if not review.wants_changes:
            return None
        told = msgspec.structs.replace(review, threads=review.open)
        return Wanted(source, _title(told), told, remembered)
    again = _opened_again(review, rounds)
    new = _new_words(review, rounds, words)
    edited = [
        thread
        for thread in review.threads
        if new.intersection(_words(review, thread)) and not (thread.resolved and review.approved)
    ]
    has_body = review.requests_changes and _word("", review.body) in new
    if not again and not edited and not has_body:
        return None
    threads = tuple(thread for thread in review.threads if thread in edited or thread.id in again)
    told = msgspec.structs.replace(
        review, threads=threads, body=review.body if has_body else ""
    )  # fmt: skip
    said = sorted(new) if edited or has_body else []
    mark = _digest(*(f"{id} {number}" for id, number in sorted(again.items())), *said)
    if f"{source} {mark}" in rounds.taken:
        return None
    title = _edited(told) if edited or has_body else _opened(told)
    return Wanted(f"{source} {mark}", title, told, remembered)


def _opened_again(review: Review, rounds: Rounds) -> dict[str, int]:
    """Open threads that were resolved with the push of a round, with its number; 0 of those that
    somebody had resolved before any round."""
    standing = set(rounds.taken.values())
    found: dict[str, int] = {}
    for thread in review.open:
        asked = [(each, end) for each, end in rounds.done if thread.id in each.threads]
        pushed = max((each.round for each, end in asked if end.outcome == "pushed"), default=0)
        # What was not mended since then waits for a person, who may have it tried again.
        tried = any(each.round > pushed and each.round in standing for each, _ in asked)
        if (pushed and not tried) or not asked:
            found[thread.id] = pushed
    return found


def _new_words(review: Review, rounds: Rounds, words: tuple[str, ...]) -> set[str]:
    """Those that no round was told of that counts; none where that is not known."""
    standing = set(rounds.taken.values())
    told = [each for each, _ in rounds.done if _is_of(each, review) and each.round in standing]
    if len(words) > MAX_WORDS or not told or not all(each.words for each in told):
        return set()
    return set(words).difference(*(each.words for each in told))


def _is_of(asked: RoundAsked, review: Review) -> bool:
    return asked.source.split()[:2] == ["review", review.id]


def _all_words(review: Review) -> Iterator[str]:
    if review.body.strip():
        yield _word("", review.body)
    for thread in review.threads:
        yield from _words(review, thread)


def _words(review: Review, thread: Thread) -> Iterator[str]:
    for comment in thread.comments:
        if comment.review == review.id and not is_ours(comment):
            yield _word(thread.id, comment.body)


def _word(place: str, text: str) -> str:
    return _digest(place, text)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:_DIGITS]


def _title(review: Review) -> str:
    if review.requests_changes:
        return f"{review.by} asks for changes"
    return f"{review.by} comments on {_places(review)}"


def _opened(review: Review) -> str:
    return f"what {review.by} said on {_places(review)} is open again"


def _edited(review: Review) -> str:
    where = f" on {_places(review)}" if review.threads else ""
    return f"{review.by} has edited what they said{where}"


def _places(review: Review) -> str:
    return "1 place" if len(review.threads) == 1 else f"{len(review.threads)} places"
