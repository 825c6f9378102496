"""What is left in the place of what the runner looks for, and files with odd names."""

from typing import Final

from tests.suites.cheats.cheat import Cheat

CHEATS: Final = (
    Cheat(
        "puts a link in the place of its reason",
        "ln -s /etc/hostname $HIVE_NO_CHANGE_FILE",
        "no-change",
        ("what it left at $HIVE_NO_CHANGE_FILE is no file",),
    ),
    Cheat(
        "puts a pipe in the place of its reason",
        "mkfifo $HIVE_NO_CHANGE_FILE",
        "no-change",
        ("what it left at $HIVE_NO_CHANGE_FILE is no file",),
    ),
    Cheat(
        "puts a link in the place of the folder of its reason",
        'd=$(dirname $HIVE_NO_CHANGE_FILE); rmdir "$d" || exit 9; mkdir x.log;'
        ' echo done > x.log/no-change; ln -s "$PWD/x.log" "$d"',
        "agent|no-change",
        ("no file", "status 9"),
    ),
    Cheat(
        "writes files with odd names",
        "echo 1 > -rf; echo 2 > 'a b';"
        " echo 3 > \"$(printf 'n\\new')\"; echo 4 > \"$(printf '\\377')\";"
        " echo 5 > ':(top)x'; echo 6 > '$(touch gone)';"
        " mkdir -p d/.git; echo 7 > d/.git/x; echo 8 > d/y",
        files={"-rf": "1", "a b": "2", ":(top)x": "5", "$(touch gone)": "6", "d/y": "8"},
        never=("gone", "d/.git/x"),
    ),
    Cheat(
        "takes the right to read its files away",
        "echo y = 2 > src/retry.py; chmod 000 src/retry.py; chmod 500 src",
        files={"src/retry.py": "y = 2"},
    ),
    Cheat(
        "prints control characters and an end of the screen",
        "printf '\\033[2J\\033]0;owned\\007all fine\\n'; exit 7",
        "agent",
        ("status 7",),
    ),
)
