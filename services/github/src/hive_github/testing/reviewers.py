"""Who is asked to review a pull request: people, teams, and who owns the code that it changes."""

from collections.abc import Sequence

from hive_github.testing import merging
from hive_github.testing.model import Account, Issue, Repository, Team
from hive_github.testing.refusals import Refused
from hive_github.testing.shapes import accounts
from hive_github.testing.shapes import pulls as shown
from hive_github.testing.shapes.pulls import pull_of
from hive_github.testing.world import World


def request(
    world: World,
    at: Repository,
    one: Issue,
    who: Account,
    logins: Sequence[str],
    slugs: Sequence[str] = (),
) -> None:
    """Raises Refused for the author and for who cannot read the repository: nobody is asked."""
    people = [_person(world, at, one, login) for login in logins]
    teams = teams_of(world, at, slugs)
    pull = pull_of(one)
    for person in people:
        if person not in pull.reviewers:
            pull.reviewers.append(person)
            asked = {"requested_reviewer": accounts.account(world, person)}
            shown.tell(world, at, one, "review_requested", who, **asked)
    for team in teams:
        if team not in pull.teams:
            pull.teams.append(team)
            asked = {"requested_team": accounts.team(world, team)}
            shown.tell(world, at, one, "review_requested", who, **asked)


def withdraw(
    world: World,
    at: Repository,
    one: Issue,
    who: Account,
    logins: Sequence[str],
    slugs: Sequence[str] = (),
) -> None:
    pull = pull_of(one)
    names = {login.lower() for login in logins}
    for person in [each for each in pull.reviewers if each.login.lower() in names]:
        pull.reviewers.remove(person)
        asked = {"requested_reviewer": accounts.account(world, person)}
        shown.tell(world, at, one, "review_request_removed", who, **asked)
    for team in [each for each in pull.teams if each.slug in slugs]:
        pull.teams.remove(team)
        asked = {"requested_team": accounts.team(world, team)}
        shown.tell(world, at, one, "review_request_removed", who, **asked)


def answered(one: Issue, by: Account) -> None:
    """Somebody has reviewed it: they are waited for no more, nor is a team that they are in."""
    pull = pull_of(one)
    pull.reviewers = [each for each in pull.reviewers if each is not by]
    pull.teams = [each for each in pull.teams if by not in each]


def ask_owners(world: World, at: Repository, one: Issue, who: Account) -> None:
    """Code owners are asked for their review once a pull request is no draft."""
    owners = sorted(merging.code_owners(world, at, one) - {one.user.login.lower()})
    teams = [world.teams[name].slug for name in owners if name in world.teams]
    request(world, at, one, who, [name for name in owners if name not in world.teams], teams)


def teams_of(world: World, at: Repository, slugs: Sequence[str]) -> list[Team]:
    """Raises Refused for a team of none of this repository."""
    found = []
    for slug in slugs:
        team = world.teams.get(f"{at.owner.login}/{slug}".lower())
        if team is None or at.id not in team.repositories:
            raise _stranger(at)
        found.append(team)
    return found


def _person(world: World, at: Repository, one: Issue, login: str) -> Account:
    """Raises Refused."""
    found = world.accounts.get(login.lower())
    if found is one.user:
        raise Refused(422, "Review cannot be requested from pull request author.")
    if found is None or not _collaborates(at, found):
        raise _stranger(at)
    return found


def _stranger(at: Repository) -> Refused:
    said = (
        "Reviews may only be requested from collaborators. One or more of the users or "
        f"teams you specified is not a collaborator of the {at.full_name} repository."
    )
    return Refused(422, said)


def _collaborates(at: Repository, person: Account) -> bool:
    login = person.login.lower()
    return person is at.owner or login in at.collaborators or login in at.owner.members
