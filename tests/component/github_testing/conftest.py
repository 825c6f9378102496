from collections.abc import Iterator

import pytest

from tests.component.github_testing.scene import Receiver, Scene, receiving, scene


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def it(receiver: Receiver) -> Iterator[Scene]:
    """A scene whose end raises what did not match GitHub's descriptions."""
    with scene(receiver) as made:
        yield made
