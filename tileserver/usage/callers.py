"""Callers as visitors: an address becomes a number that nobody can turn back once the day's salt is gone."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from hashlib import blake2b

SIZE = 8  # bytes of a hash
_HOST_BITS = 64  # of an IPv6 address, which its owner changes at will


def hashed(callers: Iterable[str], salt: bytes) -> bytes:
    """Return the hashes of addresses, one after the other, in no order of theirs.

    An IPv6 caller is known by its network of 64 bits, an IPv4 one by its address, however it is written.
    """
    subjects = {_subject(caller) for caller in callers}
    return b"".join(sorted(blake2b(subject.encode(), key=salt, digest_size=SIZE).digest() for subject in subjects))


def numbers(hashes: bytes) -> Iterator[int]:
    """Return hashes as unsigned numbers."""
    return iter(memoryview(hashes).cast("Q").tolist())


def _subject(caller: str) -> str:
    if ":" not in caller:
        return caller
    try:
        address = ipaddress.IPv6Address(caller)
    except ValueError:  # a host name, or nothing that is an address
        return caller
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{int(address) >> _HOST_BITS:x}"
