"""The text of a key: `nru_<env>_<32 random base62>_<6 base62 CRC-32>`.

The prefix and the checksum let anybody (a secret scanner, our own log filter) recognise a leaked key without
asking a server, and let the server refuse a mistyped one without looking it up.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM_LENGTH = 32  # 190 bits
CHECKSUM_LENGTH = 6  # 62^6 > 2^32
KEY_TEXT = re.compile(r"nru_[a-z0-9]{1,16}_[0-9A-Za-z]{22,43}_[0-9A-Za-z]{6}", re.ASCII)
_IN_A_TEXT = re.compile(r"nru_[a-z0-9]{1,16}_[0-9A-Za-z_]+", re.ASCII)


def make_key_text(environment: str) -> str:
    """Return a fresh secret for `environment` (small ASCII letters and digits)."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
    head = f"nru_{environment}_{body}"
    return f"{head}_{checksum(head)}"


def checksum(head: str) -> str:
    """Return the CRC-32 of `head` as six base62 digits, most significant first.

    >>> checksum("nru_live_" + "0" * 32)
    '3aPVEU'
    """
    rest, digits = zlib.crc32(head.encode("ascii")), ""
    for _ in range(CHECKSUM_LENGTH):
        rest, digit = divmod(rest, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits


def is_well_formed(text: str) -> bool:
    """Tell whether `text` has the shape of a key and its checksum holds."""
    if not KEY_TEXT.fullmatch(text):
        return False
    head, _, tail = text.rpartition("_")
    return checksum(head) == tail


def digest(text: str, pepper: bytes) -> str:
    """Return what is kept of a key: its HMAC-SHA256 under the pepper, hexadecimal.

    A plain keyed hash is enough for a secret of 190 random bits, and costs microseconds where a password hash
    would let anybody exhaust the server.
    """
    return hmac.digest(pepper, text.encode("utf-8", "replace"), hashlib.sha256).hex()


def redact(text: str) -> str:
    """Return `text` with every key in it reduced to its prefix and last four characters."""
    return _IN_A_TEXT.sub(lambda found: f"{found[0].rpartition('_')[0][:8]}…{found[0][-4:]}", text)
