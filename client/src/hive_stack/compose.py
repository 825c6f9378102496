"""What docker-compose.yml needs beside the images: `python -m hive_stack.compose FOLDER`.

    FOLDER/*.password, *.token, *.key         one secret each, as in a data directory
    FOLDER/nats.env                           NATS's passwords, for infra/nats/nats.conf
    FOLDER/redis.conf                         Redis's configuration, with digests of its passwords
    FOLDER/github/                            empty: for the App's number, key and webhook secret
    FOLDER/people/                            empty: for `hive token`
    FOLDER/config/                            empty: for hive.toml, which all services read
    FOLDER/admin.env                          the record's administrator, for the migrations
    FOLDER/compose.env                        where all this is, and whose

Made once; what exists stays. All are 0600, so the containers run as the user who made them.
"""

import os
import sys
from pathlib import Path

from hive_stack import nats, postgres, redis
from hive_stack.private import write_private
from hive_stack.services import DATABASE
from hive_stack.vault import Vault


def write_folder(folder: Path) -> None:
    vault = Vault(folder)
    vault.fill()
    passwords = [f"{nats.password_variable(user)}={vault.nats(user)}\n" for user in nats.USERS]
    write_private(folder / "nats.env", "".join(passwords))
    write_private(folder / "redis.conf", redis.rendered(vault.redis(), port=6379, bind="* -::*"))
    admin = f"{postgres.ADMIN}:{vault.postgres('admin')}"
    url = f"postgresql://{admin}@postgres:5432/{DATABASE}"
    write_private(folder / "admin.env", f"HIVE_POSTGRES_ADMIN_URL={url}\n")
    # What connects the hive with GitHub is put there by a person.
    (folder / "github").mkdir(mode=0o700, exist_ok=True)
    (folder / "people").mkdir(mode=0o700, exist_ok=True)
    (folder / "config").mkdir(mode=0o700, exist_ok=True)
    owner = f"{os.getuid()}:{os.getgid()}"
    write_private(folder / "compose.env", f"HIVE_SECRETS={folder}\nHIVE_USER={owner}\n")


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: python -m hive_stack.compose FOLDER")
    folder = Path(sys.argv[1]).absolute()
    write_folder(folder)
    print(f"secrets are in {folder}; next:")
    print(f"  docker compose --env-file {folder / 'compose.env'} up --build --wait")


if __name__ == "__main__":
    main()
