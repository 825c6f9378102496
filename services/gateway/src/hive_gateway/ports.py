"""What is said when a port cannot be had."""

from hive_shared.settings import SettingsError


def port_in_use(host: str, port: int, setting: str) -> SettingsError:
    return SettingsError(
        "this address cannot be listened on; something else may be there",
        where=f"{host}:{port}",
        remedy=f"stop what listens there, or set {setting} in hive.toml",
    )
