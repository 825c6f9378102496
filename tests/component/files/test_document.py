import pytest

from hive_contracts.files.document import MAX_BYTES, FileProblem, parse_document


def refusal(text: str) -> FileProblem:
    with pytest.raises(FileProblem) as caught:
        parse_document(text, "fix.yaml")
    assert caught.value.remedy
    return caught.value


def test_yaml_is_read_with_the_meaning_of_version_1_2() -> None:
    node = parse_document("on: no\ntime: 12:30\nday: 2024-01-01\nmode: 0o17\n", "fix.yaml")
    assert isinstance(node.content, dict)
    kinds = {key: (child.kind, child.content) for key, child in node.content.items()}
    assert kinds == {
        "on": ("text", "no"),
        "time": ("text", "12:30"),
        "day": ("text", "2024-01-01"),
        "mode": ("int", "0o17"),
    }


def test_every_value_knows_the_line_of_its_key() -> None:
    node = parse_document("a: 1\nb:\n  c:\n    - x\n    - y\n", "fix.yaml")
    assert isinstance(node.content, dict)
    inner = node.content["b"].content
    assert isinstance(inner, dict)
    assert inner["c"].where == "fix.yaml:3"
    assert [item.where for item in inner["c"].content if not isinstance(item, str)] == [
        "fix.yaml:4",
        "fix.yaml:5",
    ]


@pytest.mark.parametrize(
    ("text", "message", "where"),
    [
        pytest.param("a: 1\nb: 2\na: 3\n", "stands twice, first in line 1", ":3", id="same key"),
        pytest.param("a: {b: 1, b: 2}\n", "stands twice", ":1", id="same key in braces"),
        pytest.param("- a\n- b\n", "must be a mapping", "", id="a list"),
        pytest.param("just text", "must be a mapping", "", id="a text"),
        pytest.param("", "is empty", "", id="nothing"),
        pytest.param("# only a comment\n", "is empty", "", id="a comment alone"),
        pytest.param("a: [1, 2\nb: 3\n", "not valid YAML", ":2", id="an open bracket"),
        pytest.param("a: 1\n\tb: 2\n", "not valid YAML", ":2", id="a tab"),
        pytest.param("a: 1\n---\nb: 2\n", "not valid YAML", ":2", id="two documents"),
        pytest.param("a: \x00\n", "not valid YAML", "", id="a raw NUL"),
        pytest.param('a: "x\\0y"\n', "NUL", ":1", id="an escaped NUL"),
        pytest.param("a: !!python/object:os.system x\n", "tag", ":1", id="a python tag"),
        pytest.param("a: !mine x\n", "tag !mine", ":1", id="a custom tag"),
        pytest.param("? [a, b]\n: c\n", "key must be plain text", ":1", id="a list as key"),
        pytest.param("a: &a [*a]\n", "nested", ":1", id="an alias of itself"),
        pytest.param("a: " + "[" * 5000, "nested", ":1", id="five thousand brackets"),
        pytest.param("a: " + "{b: " * 40 + "1" + "}" * 40, "nested", ":1", id="forty braces"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, message: str, where: str) -> None:
    problem = refusal(text)
    assert message in problem.message
    assert problem.where == f"fix.yaml{where}"


def test_aliases_that_grow_without_bound_are_refused() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{y}: &{y} [{', '.join([f'*{x}'] * 10)}]"
        for x, y in zip("abcdefg", "bcdefgh", strict=True)
    ]
    assert "100,000 values" in refusal("\n".join(lines)).message


def test_ten_megabytes_are_refused_before_they_are_parsed() -> None:
    problem = refusal("a: " + "x" * (10 * MAX_BYTES))
    assert problem.message == "the file has 10,000,003 bytes, and 1,000,000 are allowed"


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("run: echo a: b", "put the text in quotes, or below `key: |`"),
        ("a: b\n\tc: d", "indent with spaces"),
        ("run: @daily", "put the text in quotes"),
        ("run: *.py", "put the text in quotes"),
        ("run: 'a' && b", "look at the indentation, and at quotes"),
    ],
)
def test_what_people_trip_over_comes_with_what_to_do(text: str, remedy: str) -> None:
    with pytest.raises(FileProblem) as caught:
        parse_document(text, "fix.yaml")
    assert caught.value.remedy.startswith(remedy)
