"""Transparent pictures of 256 × 256, for tiles where a raster has nothing."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_PNG = """
89504e470d0a1a0a0000000d494844520000010000000100010300000066bc3a2500000003504c5445000000a77a3dda
0000000174524e530040e6d8660000001f4944415478daedc1010d000000c2a0f74f6d0e37a00000000000000000be0d
2100000160e49d970000000049454e44ae426082
"""
_WEBP = "5249464622000000574542505650384c150000002fffc03f10071011110050a4ffff29a2ffa9fffd0700"
BLANK: Mapping[str, bytes] = MappingProxyType({"png": bytes.fromhex(_PNG), "webp": bytes.fromhex(_WEBP)})
