import pytest

from hive_runner.steps.absent import absent

INSTALL = (
    "`{}` was not found on the machine of runner anvil: install it there, or let `setup` in"
    " .hive/repo.yaml install it and name its path in the repository"
)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("/bin/sh: 1: pytest: not found", "pytest"),
        ("/bin/sh: line 1: pytest: command not found", "pytest"),
        ("bash: pytest: command not found", "pytest"),
        ("sh: eslint: not found", "eslint"),
        ("zsh:1: command not found: pytest", "pytest"),
        ("env: ‘node’: No such file or directory", "node"),
        ("/usr/bin/env: 'node': No such file or directory", "node"),
        ("env: node: No such file or directory", "node"),
    ],
)
def test_the_command_that_a_shell_did_not_find_is_named_with_what_to_do(
    line: str, name: str
) -> None:
    assert absent(127, ["collecting …", line, "npm ERR! code 127"], "anvil") == INSTALL.format(name)


def test_a_path_is_to_be_corrected() -> None:
    said = absent(127, ["/bin/sh: 1: ./tests.sh: not found"], "anvil")
    assert said == (
        "`./tests.sh`, or the program that its first line names, is not there: correct its path"
    )


def test_of_several_the_last_one_counts() -> None:
    said = ["sh: 1: a: not found", "sh: 2: b: not found"]
    assert absent(127, said, "anvil") == INSTALL.format("b")


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (127, ["there are 127 errors"]),
        (127, []),
        (1, ["sh: 1: pytest: not found"]),
        (None, ["sh: 1: pytest: not found"]),
        (127, ["the record: not found in the index"]),
    ],
)
def test_a_status_without_a_shells_words_and_words_without_the_status_say_nothing(
    status: int | None, said: list[str]
) -> None:
    assert absent(status, said, "anvil") == ""
