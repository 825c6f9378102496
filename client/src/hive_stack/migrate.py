"""Bring a record up to date and set its logins' passwords: `python -m hive_stack.migrate`.

For where no `hive up` does it: HIVE_POSTGRES_ADMIN_URL names the record, HIVE_DATA the folder whose
`secrets` hold the passwords.
"""

import asyncio
import logging
import os
import sys

from hive_shared import logs
from hive_shared.settings import ClientSettings, SettingsError, load, variable
from hive_stack.errors import StackError
from hive_stack.servers import prepare_record
from hive_stack.services import Servers
from hive_stack.vault import Vault

_log = logging.getLogger("hive.migrate")


def main() -> int:
    logs.configure("migrate", str(os.getpid()), "info")
    try:
        settings = load(ClientSettings)
        if not settings.postgres_admin_url:
            name = variable("postgres_admin_url")
            raise SettingsError("it is not set", where=name, remedy="name the record there")
        servers = Servers(settings.postgres_admin_url, nats_port=0)
        applied = asyncio.run(prepare_record(servers, Vault(settings.secrets)))
    except (SettingsError, StackError) as error:
        _log.critical("%s", error)
        return 1
    _log.info("applied: %s", ", ".join(applied) or "nothing, all is there")
    return 0


if __name__ == "__main__":
    sys.exit(main())
