"""When missions will be done, out of what the record says of those that are."""

from hive_cli.forecast.command import forecast_command

__all__ = ["forecast_command"]
