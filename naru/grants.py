"""What a key with the function `manage` may do: which layers it may make, change and see the jobs of.

The server makes a grant of the key and writes it into the job; the worker, which alone learns what layers a
file holds, checks it again before anything is published.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from naru.errors import ScopeDenied, UnknownLayer

_ASK = "Ask whoever gave you the key to widen it."


@dataclass(frozen=True)
class Grant:
    """A managing key's reach. `layers` None: every id."""

    key: str  # the key's id
    private: bool  # layers that are not public, too
    groups: tuple[str, ...] = ()  # and of those of groups, these
    layers: tuple[str, ...] | None = None

    @property
    def oversees(self) -> bool:
        """Whether it reaches everything: then it sees the jobs of other keys as well."""
        return self.private and self.layers is None

    def to_dict(self) -> dict[str, Any]:
        """Return it as a job's parameters carry it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Grant:
        """Build it from a job's parameters."""
        layers = value["layers"]
        listed = None if layers is None else tuple(layers)
        return cls(value["key"], value["private"], tuple(value["groups"]), listed)

    def reaches(self, visibility: str) -> bool:
        """Tell whether layers of this visibility are within reach."""
        if visibility == "public":
            return True
        return self.private and (visibility == "private" or visibility.removeprefix("group:") in self.groups)

    def check_change(self, layer_id: str, visibility: str) -> None:
        """Return if a layer that is there may be changed.

        Raises:
            UnknownLayer: it is hidden from the key, which does not learn that it exists.
            ScopeDenied: it is public, but not in the key's list.
        """
        if not self.reaches(visibility) or (visibility != "public" and not self._lists(layer_id)):
            raise UnknownLayer(layer_id)
        self._check_list(layer_id)

    def check_make(self, layer_id: str, before: str | None, after: str) -> None:
        """Return if the layer may be made, or replaced: `before` is its visibility until now (None: a new one).

        Raises:
            ScopeDenied: the id, or one of the visibilities, is out of reach.
        """
        self._check_list(layer_id)
        if before is not None and not self.reaches(before):
            raise ScopeDenied("the id is taken by a layer that the key may not change", layer=layer_id, remedy=_ASK)
        self.check_visibility(layer_id, after)

    def check_id(self, layer_id: str) -> None:
        """Return if a file with this id may become layers in the list: `id`, or `id-…` where it holds several.

        Raises:
            ScopeDenied: none of the listed ids begins so.
        """
        listed = self.layers is None or any(f"{one}-".startswith(f"{layer_id}-") for one in self.layers)
        if not listed:
            self._check_list(layer_id)

    def check_visibility(self, layer_id: str | None, visibility: str) -> None:
        """Return if the key may make layers of this visibility.

        Raises:
            ScopeDenied: it may not.
        """
        if not self.reaches(visibility):
            raise ScopeDenied(f"the key may not make layers that are {visibility}", layer=layer_id, remedy=_ASK)

    def _lists(self, layer_id: str) -> bool:
        return self.layers is None or layer_id in self.layers

    def _check_list(self, layer_id: str) -> None:
        if not self._lists(layer_id):
            raise ScopeDenied("the key is not for this layer", layer=layer_id, remedy=_ASK)
