"""`make validate`, or `python -m bench.validation [CASE…]`: run the cases and write docs/validation.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.validation import basins, channels, dam_breaks, flumes, merewether, rain
from bench.validation.lab import SHARED
from bench.validation.outcome import Outcome
from bench.validation.page import number, write_page

Case = Callable[[Path], Outcome]
CASES: dict[str, Case] = {
    "dam-breaks": dam_breaks.dam_breaks,
    "lakes": basins.lakes,
    "bumps": channels.bumps,
    "macdonald": channels.macdonald,
    "thacker": basins.thacker,
    "order": basins.order,
    "three-humps": basins.three_humps,
    "v-catchment": rain.v_catchment,
    "newcastle": rain.newcastle,
    "ucl-obstacle": flumes.ucl_obstacle,
    "blocks25": flumes.blocks25,
    "merewether": merewether.merewether,
}
_DOCS = Path(__file__).resolve().parents[2] / "docs"


def main() -> int:
    """Run the cases that are named, or all; the page is written when all were run."""
    parser = argparse.ArgumentParser(prog="python -m bench.validation")
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}; none: all")
    parser.add_argument("--docs", type=Path, default=_DOCS, help="where validation.md is written")
    asked = parser.parse_args()
    unknown = set(asked.cases) - set(CASES)
    if unknown:
        parser.error(f"there is no case {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory(prefix="naru-validation-") as scratch:
        outcomes = []
        for name in asked.cases or CASES:
            folder = Path(scratch) / name
            folder.mkdir()
            outcomes.append(_run(name, folder))
        if not asked.cases or asked.docs != _DOCS:
            write_page(outcomes, asked.docs)
    return 0 if all(outcome.met for outcome in outcomes) else 1


def _run(name: str, folder: Path) -> Outcome:
    if not SHARED.is_dir():
        return Outcome(name, name, "-", "", skipped="the folder ../shared is not there")
    began = time.monotonic()
    outcome = CASES[name](folder)
    print(f"\n{outcome.title} ({time.monotonic() - began:.0f} s)")
    for figure in outcome.figures:
        verdict = {True: "met", False: "MISSED", None: ""}[figure.met]
        print(f"  {figure.name:<60} {number(figure.value):>10} {figure.unit:<6} {verdict}", flush=True)
    return outcome


if __name__ == "__main__":
    sys.exit(main())
