"""Names that must differ where a format folds, cuts or reserves some."""

from __future__ import annotations

from collections.abc import Callable, Iterable


def distinct(
    names: Iterable[str], taken: Iterable[str] = (), fold: Callable[[str], str] = str.casefold
) -> list[str]:
    """Return the names with a number behind those that, folded, are taken or came before.

    >>> distinct(["Geom", "이름", "geom"], taken=["fid", "geom"])
    ['Geom_2', '이름', 'geom_3']
    """
    used, out = {fold(name) for name in taken}, []
    for name in names:
        number, free = 1, name
        while fold(free) in used:
            number += 1
            free = f"{name}_{number}"
        used.add(fold(free))
        out.append(free)
    return out
