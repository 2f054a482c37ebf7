"""XML inside workbooks, element by element, in bounded memory. A DOCTYPE is refused."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from xml.parsers import expat

from naru.errors import BadZip, FileDamaged

_CHUNK = 2**16
_DEPTH = 100
_REMEDY = "Open it in its program and save it again."
Attributes = Mapping[str, str]


class Part:
    """Follows the parser through one XML part. Names come without their namespace's prefix.

    A subclass overrides `start`, `end`; the text of an element is what came since `self.text` was cleared.
    """

    def __init__(self, file: str, part: str) -> None:
        self.file = file
        self.part = part
        self.text: list[str] = []
        self._depth = 0

    def start(self, tag: str, attributes: Attributes) -> None:
        """An element begins."""

    def end(self, tag: str) -> None:
        """An element ends."""

    def damaged(self, why: str) -> FileDamaged:
        """Return the error that names this part."""
        return FileDamaged(
            f"{self.part}: {why}", file=self.file, remedy="Open it in its program and save it again."
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEPTH:
            raise self.damaged("its elements are nested too deeply")
        self.start(name.rpartition(":")[2], attributes)

    def _end(self, name: str) -> None:
        self._depth -= 1
        self.end(name.rpartition(":")[2])

    def _doctype(self, *_: object) -> None:
        raise FileDamaged(
            f"{self.part} has a DOCTYPE or entity declaration, which workbooks do not have and we refuse",
            file=self.file,
            remedy=_REMEDY,
        )

    def parse(self, archive: zipfile.ZipFile, member: str) -> Iterator[None]:
        """Parse a member piece by piece; control comes back after each. Raises FileDamaged, BadZip."""
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self.text.append
        parser.StartDoctypeDeclHandler = self._doctype
        parser.EntityDeclHandler = self._doctype
        try:
            with archive.open(member) as stream:
                while chunk := stream.read(_CHUNK):
                    parser.Parse(chunk, False)
                    yield
            parser.Parse(b"", True)
            yield
        except expat.ExpatError as error:
            reason = f"{expat.ErrorString(error.code)} (line {error.lineno}, column {error.offset + 1})"
            raise self.damaged(f"it is not well-formed XML: {reason}") from error
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise BadZip(
                f"entry '{member}' is damaged ({error})", file=self.file, remedy="Save it again."
            ) from error

    def read(self, archive: zipfile.ZipFile, member: str) -> None:
        """Parse a whole member."""
        for _ in self.parse(archive, member):
            pass
