"""Writes docs/validation.md from what the cases showed."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from bench.validation.outcome import Figure, Outcome

_HEAD = """# Validation of the flood model

    make validate

runs public cases of the field from scenario files alone, compares them with their references and writes this page.
Cases whose data are not at hand (`../shared/flood`) are left out, and said so. Every figure was measured by the run
that wrote the page; a limit is what the case's source or our goals ask for.

| case | figure | Naru | asked | |
|---|---|---|---|---|
"""
_MARK = {True: "met", False: "**missed**", None: ""}


def write_page(outcomes: Sequence[Outcome], docs: Path) -> None:
    """Write `docs/validation.md`, and the pictures into `docs/validation/`."""
    pictures = docs / "validation"
    pictures.mkdir(exist_ok=True)
    out = [_HEAD]
    for outcome in outcomes:
        out += [_row(outcome, figure) for figure in outcome.figures]
        if outcome.skipped:
            out.append(f"| [{outcome.title}](#{outcome.name}) | not run | | | {outcome.skipped} |\n")
    for outcome in outcomes:
        out.append(
            f'\n## {outcome.title}\n<a id="{outcome.name}"></a>\n\n{outcome.words}\n\nSource: {outcome.source}\n'
        )
        for file, alt in outcome.pictures:
            shutil.copyfile(file, pictures / file.name)
            out.append(f"\n![{alt}](validation/{file.name})\n")
    (docs / "validation.md").write_text("".join(out), "utf-8")


def _row(outcome: Outcome, figure: Figure) -> str:
    return (
        f"| [{outcome.title}](#{outcome.name}) | {figure.name} | {number(figure.value)} {figure.unit} "
        f"| {_asked(figure)} | {_MARK[figure.met]} |\n"
    )


def number(value: float) -> str:
    """Return three significant digits, plain where that is short."""
    if value == 0:
        return "0"
    if not 1e-3 <= abs(value) < 1e5:
        return f"{value:.1e}"
    return f"{value:.4g}" if abs(value) >= 10 else f"{value:.3g}"


def _asked(figure: Figure) -> str:
    said = []
    if figure.most is not None:
        said.append(f"≤ {number(figure.most)}")
    if figure.least is not None:
        said.append(f"≥ {number(figure.least)}")
    if figure.reference:
        said.append(figure.reference)
    return ", ".join(said)
