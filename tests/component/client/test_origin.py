"""Which repository on GitHub is meant."""

import pytest

from hive_client.origin import name_in


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://github.com/acme/shop.git", "acme/shop"),
        ("https://github.com/acme/shop", "acme/shop"),
        ("https://x:token@github.com/acme/shop.js.git", "acme/shop.js"),
        ("git@github.com:acme/shop.git", "acme/shop"),
        ("ssh://git@git.acme.org:22/acme/shop.git", "acme/shop"),
        ("http://127.0.0.1:8080/acme/shop/", "acme/shop"),
        ("/home/ada/shop", ""),
        ("../shop", ""),
        ("https://gitlab.com/group/sub/shop.git", ""),
        ("C:/shop", ""),
        ("", ""),
    ],
)
def test_an_address_names_a_repository_or_none(url: str, name: str) -> None:
    assert name_in(url) == name
