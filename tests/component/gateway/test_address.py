"""Where a gateway says that its HTTP listens."""

import pytest

from hive_gateway.http import address_of


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("::1", "http://[::1]:80"),
        ("0.0.0.0", "http://anvil:80"),
        ("::", "http://anvil:80"),
    ],
)
def test_who_listens_everywhere_is_found_at_the_name_of_the_machine(
    host: str, address: str
) -> None:
    assert address_of(host, 80, "anvil") == address
