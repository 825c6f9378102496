"""`needs`: every name must be known, and nothing may wait for itself."""

from collections.abc import Mapping

from hive_contracts.files.document import FileProblem
from hive_contracts.files.reading import Path, Places, nearest

Needs = Mapping[str, tuple[str, ...]]


def check_needs(needs: Needs, kind: str, places: Places, path: Path) -> None:
    """`path` leads to the mapping of names. Raises FileProblem."""
    for name, wanted in needs.items():
        for other in wanted:
            if other not in needs:
                raise FileProblem(
                    f"{kind} `{name}` needs `{other}`, which is no {kind}",
                    places.of(*path, name, "needs"),
                    nearest(other, needs.keys() - {name}),
                )
    circle = find_circle(needs)
    if circle:
        raise FileProblem(
            f"these wait for each other: {' → '.join(circle)}",
            places.of(*path, circle[0], "needs"),
            "take one of these `needs` away",
        )


def find_circle(needs: Needs) -> list[str]:
    """Names along a circle, the first again at the end; empty if there is none."""
    done: set[str] = set()
    for start in needs:
        if start in done:
            continue
        # From `start` to where we are, in order, with what is left to look at.
        trail = {start: iter(needs[start])}
        while trail:
            name = next(reversed(trail))
            following = next(trail[name], None)
            if following is None:
                del trail[name]
                done.add(name)
            elif following in trail:
                names = list(trail)
                return [*names[names.index(following) :], following]
            elif following not in done:
                trail[following] = iter(needs[following])
    return []
