"""What a download says of itself: whose it is, under what licence, which version of which layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from naru.records import Layer, Version


@dataclass(frozen=True)
class About:
    """A layer's name, rights and version, and how it is drawn."""

    id: str
    title_ko: str
    title_en: str
    licence: str
    attribution: str
    version: int
    created: datetime  # of the version
    style: Sequence[Mapping[str, Any]] = ()  # MapLibre style layers

    @classmethod
    def of(cls, layer: Layer, version: Version) -> About:
        """Return what a download of this version of a layer says."""
        names = (layer.id, layer.title_ko, layer.title_en, layer.licence, layer.attribution)
        return cls(*names, version.number, version.created, layer.style)

    def rows(self, *more: tuple[str, str]) -> list[tuple[str, str]]:
        """Return labels and texts for people, Korean and English beside each other; empty ones left out."""
        every = [
            ("제목 / title", " / ".join(dict.fromkeys(t for t in (self.title_ko, self.title_en) if t))),
            ("레이어 / layer", self.id),
            ("버전 / version", f"{self.version} ({self.created:%Y-%m-%dT%H:%M:%SZ})"),
            ("이용 조건 / licence", self.licence),
            ("출처 / attribution", self.attribution),
            *more,
        ]
        return [(label, text) for label, text in every if text]

    def members(self) -> dict[str, Any]:
        """Return the same for programs; empty ones left out."""
        every = {
            "title": self.title_ko,
            "title_en": self.title_en,
            "layer": self.id,
            "version": self.version,
            "created": f"{self.created:%Y-%m-%dT%H:%M:%SZ}",
            "licence": self.licence,
            "attribution": self.attribution,
        }
        return {name: value for name, value in every.items() if value}
