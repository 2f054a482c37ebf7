"""Where a server listens: the address it claims, and the one that people type."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass, replace

from naru.errors import ServeFailed


@dataclass(frozen=True)
class Listen:
    """Where to listen; port 0 takes any free one."""

    host: str = "127.0.0.1"
    port: int = 8000

    @property
    def reachable(self) -> tuple[str, int]:
        """Host and port under which this machine reaches it."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host), self.port  # noqa: S104

    @property
    def url(self) -> str:
        """The address to type into a browser on this machine."""
        host, port = self.reachable
        return f"http://{f'[{host}]' if ':' in host else host}:{port}/"

    @property
    def loopback(self) -> str:
        """The address without its last slash, where only this machine can reach it; else empty."""
        if self.host == "localhost":
            return self.url.rstrip("/")
        try:
            return self.url.rstrip("/") if ipaddress.ip_address(self.host).is_loopback else ""
        except ValueError:  # a host's name
            return ""


def claim(listen: Listen) -> Listen:
    """Return where to listen, with a port that is free now.

    Raises:
        ServeFailed: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((listen.host, listen.port))
        except OSError as error:
            raise ServeFailed(
                f"cannot listen on {listen.host} port {listen.port}: {error.strerror}",
                remedy="Choose another with --port, or stop what listens there.",
            ) from error
        return replace(listen, port=probe.getsockname()[1])
