"""Issues, labels, assignees, comments and reactions."""

from tests.component.github_testing.scene import REPOSITORY, Scene


def test_an_issue_goes_from_open_to_closed_and_each_step_is_told(it: Scene) -> None:
    client = it.as_installation()
    told = {"title": "Broken", "body": "It is.", "labels": ["bug", "hive"], "assignees": ["ada"]}
    made = client.post(f"{REPOSITORY}/issues", json=told)
    assert made.status_code == 201
    assert made.json()["user"]["login"] == "hive[bot]"
    issue = f"{REPOSITORY}/issues/1"
    assert client.get(issue).json()["labels"][1]["name"] == "hive"
    client.patch(issue, json={"title": "Very broken"})
    client.post(f"{issue}/assignees", json={"assignees": ["bob", "nobody"]})
    client.request("DELETE", f"{issue}/assignees", json={"assignees": ["ada"]})
    client.delete(f"{issue}/labels/bug")
    client.put(f"{issue}/labels", json={"labels": ["done"]})
    closed = client.patch(issue, json={"state": "closed", "state_reason": "not_planned"}).json()
    assert (closed["state_reason"], closed["closed_by"]["login"]) == ("not_planned", "hive[bot]")
    assert [one["login"] for one in closed["assignees"]] == ["bob"]
    assert client.patch(issue, json={"state": "open"}).json()["state_reason"] == "reopened"
    assert it.names()[1:] == [
        "label.created",
        "issues.opened", "issues.labeled", "issues.labeled", "issues.assigned",
        "issues.edited", "issues.assigned", "issues.unassigned", "issues.unlabeled",
        "issues.unlabeled", "label.created", "issues.labeled", "issues.closed", "issues.reopened",
    ]  # fmt: skip


def test_an_issue_that_is_not_there_or_has_no_title_is_refused(it: Scene) -> None:
    client = it.as_installation()
    assert client.get(f"{REPOSITORY}/issues/7").status_code == 404
    assert client.get(f"{REPOSITORY}/issues/seven").status_code == 404
    assert client.post(f"{REPOSITORY}/issues", json={"title": " "}).status_code == 422
    assert client.post(f"{REPOSITORY}/issues", content=b"{").status_code == 400
    assert client.delete(f"{REPOSITORY}/issues/7/labels/x").status_code == 404
    long = client.post(f"{REPOSITORY}/issues", json={"title": "a", "body": "x" * 65_537})
    assert "too long" in long.json()["errors"][0]["message"]


def test_issues_are_listed_by_state_label_assignee_and_creator(it: Scene) -> None:
    one = it.ada.open_issue(it.shop, "One", labels=["bug"], assignees=["bob"])
    it.bob.open_issue(it.shop, "Two")
    it.ada.close(it.shop, one)
    client = it.as_installation()

    def titles(query: str) -> list[str]:
        return [each["title"] for each in client.get(f"{REPOSITORY}/issues?{query}").json()]

    assert titles("") == ["Two"]
    assert titles("state=all") == ["Two", "One"]
    assert titles("state=all&direction=asc") == ["One", "Two"]
    assert titles("state=closed&labels=bug") == ["One"]
    assert titles("state=all&assignee=bob") == ["One"]
    assert titles("state=all&assignee=none") == ["Two"]
    assert titles("state=all&assignee=*") == ["One"]
    assert titles("state=all&creator=ada") == ["One"]


def test_a_comment_is_kept_up_to_date(it: Scene) -> None:
    issue = it.ada.open_issue(it.shop, "Broken")
    client = it.as_installation()
    comments = f"{REPOSITORY}/issues/{issue.number}/comments"
    made = client.post(comments, json={"body": "0 %"}).json()
    assert made["performed_via_github_app"]["slug"] == "hive"
    it.github.clock.advance(60)
    one = f"{REPOSITORY}/issues/comments/{made['id']}"
    assert client.patch(one, json={"body": "50 %"}).json()["updated_at"] == "2026-01-01T12:01:00Z"
    assert client.get(one).json()["body"] == "50 %"
    assert len(client.get(f"{comments}?since=2026-01-01T12:00:30Z").json()) == 1
    assert len(client.get(f"{REPOSITORY}/issues/comments").json()) == 1
    assert client.delete(one).status_code == 204
    assert client.get(one).status_code == 404
    assert client.post(comments, json={"body": " "}).status_code == 422
    assert client.post(comments, json={"text": "no body"}).status_code == 422
    assert it.github.problems != []
    it.github.problems.clear()
    wanted = ["issue_comment.created", "issue_comment.edited", "issue_comment.deleted"]
    assert it.names()[-3:] == wanted


def test_only_its_author_or_a_writer_changes_a_comment(it: Scene) -> None:
    it.shop.collaborators["eve"] = "read"
    issue = it.ada.open_issue(it.shop, "Broken")
    comment = it.ada.comment(it.shop, issue, "mine")
    path = f"{REPOSITORY}/issues/comments/{comment.id}"
    assert it.as_person("eve").patch(path, json={"body": "not"}).status_code == 403
    assert it.as_person("bob").patch(path, json={"body": "ours"}).status_code == 200


def test_who_says_something_is_told_with_what_they_are_there(it: Scene) -> None:
    public = it.github.repository("acme/open", private=False, collaborators={"ada": "write"})
    issue = it.eve.open_issue(public, "From outside")
    it.eve.comment(public, issue, "/hive run devops-deployer")
    it.ada.comment(public, issue, "mine")
    it.github.person("boss").comment(public, issue, "ours")
    it.names()
    said = [
        one.payload["comment"]["author_association"]
        for one in it.receiver.took
        if one.name == "issue_comment.created"
    ]
    assert said == ["NONE", "COLLABORATOR", "MEMBER"]


def test_the_same_reaction_twice_is_one(it: Scene) -> None:
    issue = it.ada.open_issue(it.shop, "Broken")
    comment = it.ada.comment(it.shop, issue, "/hive run")
    client = it.as_installation()
    path = f"{REPOSITORY}/issues/comments/{comment.id}/reactions"
    assert client.post(path, json={"content": "eyes"}).status_code == 201
    assert client.post(path, json={"content": "eyes"}).status_code == 200
    assert [one["content"] for one in client.get(path).json()] == ["eyes"]
    on_issue = f"{REPOSITORY}/issues/{issue.number}/reactions"
    made = client.post(on_issue, json={"content": "rocket"}).json()
    assert client.get(f"{REPOSITORY}/issues/{issue.number}").json()["reactions"]["rocket"] == 1
    assert client.delete(f"{on_issue}/{made['id']}").status_code == 204
    assert client.get(on_issue).json() == []


def test_lists_come_in_pages_with_links(it: Scene) -> None:
    issue = it.ada.open_issue(it.shop, "Broken")
    for number in range(5):
        it.ada.comment(it.shop, issue, str(number))
    client = it.as_installation()
    answer = client.get(f"{REPOSITORY}/issues/1/comments?per_page=2")
    seen = [one["body"] for one in answer.json()]
    while "next" in answer.links:
        answer = client.get(answer.links["next"]["url"])
        seen += [one["body"] for one in answer.json()]
    assert seen == ["0", "1", "2", "3", "4"]
    assert set(answer.links) == {"prev", "first"}


def test_an_archived_repository_is_read_only(it: Scene) -> None:
    issue = it.ada.open_issue(it.shop, "Broken")
    boss = it.github.person("boss")
    boss.archive(it.shop)
    client = it.as_installation()
    path = f"{REPOSITORY}/issues/{issue.number}/comments"
    assert client.post(path, json={"body": "late"}).status_code == 403
    assert client.get(path).status_code == 200
    assert it.names()[-1] == "repository.archived"


def test_labels_are_made_found_and_not_made_twice(it: Scene) -> None:
    client = it.as_installation()
    made = client.post(f"{REPOSITORY}/labels", json={"name": "hive", "color": "00ff00"})
    assert made.status_code == 201
    assert client.post(f"{REPOSITORY}/labels", json={"name": "HIVE"}).status_code == 422
    assert client.get(f"{REPOSITORY}/labels/hive").json()["color"] == "00ff00"
    assert client.get(f"{REPOSITORY}/labels/none").status_code == 404
    assert len(client.get(f"{REPOSITORY}/labels").json()) == 4
    issue = it.ada.open_issue(it.shop, "Broken", labels=["hive"])
    assert len(client.get(f"{REPOSITORY}/issues/{issue.number}/labels").json()) == 1


def test_what_happened_to_an_issue_is_listed_with_who_did_it(it: Scene) -> None:
    issue = it.ada.open_issue(it.shop, "Broken", labels=["bug"])
    it.bob.assign(it.shop, issue, "ada")
    it.ada.edit(it.shop, issue, title="Very broken", body="It is.")
    it.ada.unlabel(it.shop, issue, "bug")
    it.ada.close(it.shop, issue)
    it.ada.reopen(it.shop, issue)
    it.ada.lock(it.shop, issue)
    client = it.as_installation()
    told = client.get(f"{REPOSITORY}/issues/1/events").json()
    assert [(each["event"], each["actor"]["login"]) for each in told] == [
        ("labeled", "ada"), ("assigned", "bob"), ("renamed", "ada"), ("unlabeled", "ada"),
        ("closed", "ada"), ("reopened", "ada"), ("locked", "ada"),
    ]  # fmt: skip
    assert (told[0]["label"]["name"], told[1]["assigner"]["login"]) == ("bug", "bob")
    assert told[2]["rename"] == {"from": "Broken", "to": "Very broken"}
    page = client.get(f"{REPOSITORY}/issues/1/events?per_page=3")
    assert 'page=3>; rel="last"' in page.headers["link"]


def test_an_issue_that_was_transferred_or_deleted_is_no_longer_there(it: Scene) -> None:
    boss = it.github.person("boss")
    other = it.github.repository("acme/other", collaborators={"ada": "write"})
    moved = it.ada.open_issue(it.shop, "Elsewhere", labels=["bug"])
    gone = it.ada.open_issue(it.shop, "Nowhere")
    boss.transfer_issue(it.shop, moved, other)
    boss.delete_issue(it.shop, gone)
    client = it.as_installation()
    answer = client.get(f"{REPOSITORY}/issues/1")
    assert answer.status_code == 301
    there = client.get(answer.headers["location"]).json()
    assert (there["number"], there["title"], there["labels"]) == (1, "Elsewhere", [])
    assert client.post(f"{REPOSITORY}/issues/1/comments", json={"body": "?"}).status_code == 301
    assert client.get(f"{REPOSITORY}/issues/2").status_code == 410
    assert it.names()[-2:] == ["issues.transferred", "issues.deleted"]
