"""The signature of a delivery: HMAC-SHA-256 over its raw bytes. Pure."""

import hashlib
import hmac
from typing import Final

HEADER: Final = "x-hub-signature-256"
_PREFIX: Final = "sha256="


def is_signed(secret: bytes, body: bytes, header: str) -> bool:
    """Compared in constant time. Without a secret nothing is signed."""
    if not secret or not header.isascii():
        return False
    expected = _PREFIX + hmac.new(secret, body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, header)
