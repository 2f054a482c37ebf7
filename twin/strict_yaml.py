"""YAML as the terrain and scenario files have it: the core schema of YAML 1.2, and nothing that surprises.

PyYAML follows YAML 1.1, in which the column `no` is false, 1:30 is ninety and 1e3 a text; of a key given twice it
takes one, silently; a few lines of aliases can stand for billions of values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from naru.errors import BadSpec, FileMissing, TooLarge

MOST_BYTES = 2**20
_MOST_VALUES = 100_000
_DEEPEST = 20


class _Loader(yaml.SafeLoader):
    """Tags of the core schema only (YAML 1.2.2 §10.3.2)."""


_Loader.yaml_implicit_resolvers = {}  # none of YAML 1.1

for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", [*"~nN", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", [*"tTfF"]),
    ("int", r"[-+]?[0-9]+", [*"-+0123456789"]),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", [*"-+.0123456789"]),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", [*"-+."]),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)


def _whole(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    return int(node.value)  # 010 is ten, not eight as in YAML 1.1


def _fraction(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> float:
    text = node.value.lower()
    return float(text.replace(".", "") if text.endswith(("inf", "nan")) else text)


_Loader.add_constructor("tag:yaml.org,2002:int", _whole)
_Loader.add_constructor("tag:yaml.org,2002:float", _fraction)


def load_yaml(path: Path) -> Mapping[str, Any]:
    """Return the mapping that a YAML file holds.

    Raises:
        FileMissing: no such file, or not readable.
        BadSpec: not YAML, a key given twice, no mapping, aliases that stand for too much.
        TooLarge: more bytes than such a file has.
    """
    return as_mapping(parse_yaml(_text(path), str(path)), str(path))


def parse_yaml(text: str, file: str) -> Any:
    """Return the value that a text of YAML stands for; `file` is what errors name. Raises BadSpec."""
    try:
        _check_depth(text, file)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                raise BadSpec("the file is empty", file=file, remedy="docs/planners.md shows one.")
            _check_node(node, file)
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise BadSpec(
            _told(error), file=file, remedy="Correct the line; docs/planners.md shows such files."
        ) from error
    except ValueError as error:  # a number of more digits than Python reads
        raise BadSpec(f"a number cannot be read ({error})", file=file, remedy="Correct it.") from error


def as_mapping(value: Any, file: str) -> Mapping[str, Any]:
    """Return a file's value if it is a mapping. Raises BadSpec."""
    if not isinstance(value, dict):
        raise BadSpec(
            f"the file holds {_kind(value)} where fields with values are expected",
            file=file,
            remedy="Write lines such as `terrain: my-river`; docs/planners.md shows one.",
        )
    return value


class _Dumper(yaml.SafeDumper):
    """Quotes what `_Loader` would take for something else than a text."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write every value out."""
        return True


_Dumper.yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers


def dump_yaml(mapping: Mapping[str, Any]) -> str:
    """Return a mapping of plain values as text that `load_yaml` reads back as it is."""
    return yaml.dump(dict(mapping), Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=100)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise TooLarge(
                f"the file has more than {MOST_BYTES} bytes",
                file=str(path),
                remedy="Such a file only names other files: put tables and shapes into those.",
            )
        data = path.read_bytes()
    except OSError as error:
        raise FileMissing(
            f"the file cannot be read ({error.strerror})", file=str(path), remedy="Check the path."
        ) from error
    for codec in ("utf-8-sig", "cp949"):
        try:
            return data.decode(codec)
        except UnicodeDecodeError:
            continue
    raise BadSpec("the text is neither UTF-8 nor CP949", file=str(path), remedy="Save it as UTF-8.")


def _check_depth(text: str, file: str) -> None:
    """Walk through the events, which PyYAML gives without recursion: what follows recurses."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise BadSpec(f"fields lie more than {_DEEPEST} deep in each other", file=file, remedy="Correct it.")


def _check_node(root: yaml.Node, file: str) -> None:
    """Refuse keys given twice, a node within itself, and aliases that multiply to too much."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: yaml.Node) -> int:
        if id(node) in open_nodes:
            raise BadSpec("an alias stands for what it is part of", file=file, remedy="Write the value out.")
        if id(node) not in sizes:
            open_nodes.add(id(node))
            sizes[id(node)] = 1 + sum(size(child) for child in _children(node, file))
            open_nodes.discard(id(node))
        return sizes[id(node)]

    if size(root) > _MOST_VALUES:
        raise BadSpec(
            f"aliases multiply the file to more than {_MOST_VALUES} values", file=file, remedy="Write values out."
        )


def _children(node: yaml.Node, file: str) -> list[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    if not isinstance(node, yaml.MappingNode):
        return []
    seen: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise BadSpec(f"line {line}: a field's name is no plain word", file=file, remedy="Correct it.")
        if key.value in seen:
            raise BadSpec(
                f"'{key.value}' is given twice, in lines {seen[key.value]} and {line}",
                file=file,
                field=key.value,
                remedy="Keep one of them.",
            )
        seen[key.value] = line
    return [child for pair in node.value for child in pair]


def _told(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or str(error).splitlines()[0]
    return f"not YAML: {what}" + (f" (line {mark.line + 1}, column {mark.column + 1})" if mark else "")


def _kind(value: object) -> str:
    return {list: "a list", str: "a text", type(None): "nothing"}.get(type(value), "a single value")
