"""The root of all errors: what each of them says."""

from __future__ import annotations

from typing import ClassVar


class NaruError(Exception):
    """Root of every error a user may see.

    `code` is stable and for machines; `message` is one plain sentence for people; `remedy` says what to do.
    `file`, `layer`, `feature` and `field` say where, as far as it is known.
    """

    code: ClassVar[str] = "ERROR"

    def __init__(
        self,
        message: str,
        *,
        remedy: str = "",
        file: str | None = None,
        layer: str | None = None,
        feature: str | None = None,
        field: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.file = file
        self.layer = layer
        self.feature = feature
        self.field = field

    def to_dict(self) -> dict[str, str | None]:
        """Return the `error` member of the JSON contract (design §4)."""
        return {
            "code": self.code,
            "message": self.message,
            "file": self.file,
            "layer": self.layer,
            "feature": self.feature,
            "field": self.field,
            "remedy": self.remedy,
        }

    def one_line(self) -> str:
        """Return place, message and remedy as one line for a terminal."""
        places = {"file": self.file, "layer": self.layer, "feature": self.feature, "field": self.field}
        where = ", ".join(f"{name} {value}" for name, value in places.items() if value)
        text = (f"{where}: {self.message}" if where else self.message).rstrip(".")
        line = " ".join(f"{text}. {self.remedy}".split())
        return "".join(sign if sign.isprintable() else "?" for sign in line)  # names may hold what steers terminals
