"""`naru verify`, `gc`, `backup`, `restore`, `doctor`: care from the command line."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from naru import care
from naru.settings import Settings
from naru.terminal import human_bytes, json_option, open_house, print_json

_FILE = click.Path(path_type=Path, dir_okay=False)


def _quiet(_fraction: float, _message: str) -> None:
    """Report nothing."""


@click.command()
@json_option
@click.pass_obj
def verify(settings: Settings, as_json: bool) -> int:
    """Re-hash every archive; exit 1 when one is damaged."""
    house = open_house(settings)
    wrong = care.verify(house, _quiet)
    count = len(house.catalogue.archives())
    if as_json:
        print_json({"archives": count, "damaged": [error.to_dict() for error in wrong]})
    else:
        for error in wrong:
            click.echo(error.one_line(), err=True)
        click.echo(f"{count - len(wrong)} of {count} archives are whole.")
    return 1 if wrong else 0


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would go; remove nothing.")
@click.option(
    "--grace", type=float, help="Seconds to leave things untouched; else an hour, and a week for deleted layers."
)
@json_option
@click.pass_obj
def gc(settings: Settings, dry_run: bool, grace: float | None, as_json: bool) -> None:
    """Remove what nothing points to any more."""
    gone = care.sweep(open_house(settings), grace_s=grace, dry_run=dry_run)
    total = sum(size for _, size in gone)
    if as_json:
        print_json({"removed": [{"name": n, "bytes": s} for n, s in gone], "bytes": total, "dry_run": dry_run})
        return
    click.echo(f"{len(gone)} {'would go' if dry_run else 'removed'}, {human_bytes(total)}.")


@click.command()
@click.argument("file", type=_FILE)
@json_option
@click.pass_obj
def backup(settings: Settings, file: Path, as_json: bool) -> None:
    """Write catalogue, key pepper and all archives into FILE (a tar). Keep it where only operators read."""
    size = care.backup(open_house(settings), file, _quiet)
    if as_json:
        print_json({"file": str(file), "bytes": size})
    else:
        click.echo(f"{file}: {human_bytes(size)}. It holds the secret under the keys: keep it private.")


@click.command()
@click.argument("file", type=_FILE)
@json_option
@click.pass_obj
def restore(settings: Settings, file: Path, as_json: bool) -> None:
    """Unpack a backup into an empty home folder."""
    count = care.restore(settings, file)
    if as_json:
        print_json({"home": str(settings.home), "archives": count})
    else:
        click.echo(f"{count} archives and the catalogue are in {settings.home}.")


@click.command()
@json_option
@click.pass_obj
def doctor(settings: Settings, as_json: bool) -> int:
    """Look the installation over; exit 1 when something is amiss."""
    checks = care.look_over(settings)
    well = all(check.ok for check in checks)
    if as_json:
        print_json({"ok": well, "checks": [asdict(check) for check in checks]})
    else:
        for check in checks:
            click.echo(f"{'ok ' if check.ok else 'BAD'}  {check.name:<10} {check.found}")
            if check.remedy:
                click.echo(f"{'':<15} {check.remedy}")
    return 0 if well else 1
