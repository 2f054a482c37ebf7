"""The `naru` command. Rooms bring their own commands through the entry-point group `naru.commands`.

Exit codes: 0 done; 1 the work failed (one line on stderr, with the remedy; with --json also an object on
stdout); 2 used wrongly.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import entry_points
from pathlib import Path

import click
from sqlalchemy.exc import OperationalError

import naru
from naru.cli_care import backup, doctor, gc, restore, verify
from naru.cli_export import export
from naru.cli_jobs import jobs, work
from naru.cli_layers import layers
from naru.errors import NaruError, StorageFailed
from naru.settings import Settings
from naru.terminal import print_failure

_UNEXPECTED = "this is a fault of naru itself: {kind}: {text}"
_CHECK_DISK = "Check the disk's space and permissions with `naru doctor`, then run again."
_REPORT = "Run `naru --traceback …` again and send what it prints to the project."


class Commands(click.Group):
    """A group whose commands are found by entry point and loaded only when they are wanted."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, own and found."""
        return sorted({*super().list_commands(ctx), *(e.name for e in entry_points(group="naru.commands"))})

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return one command, loading it if need be."""
        for entry in entry_points(group="naru.commands", name=name):
            command: click.Command = entry.load()
            return command
        return super().get_command(ctx, name)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--home", type=click.Path(path_type=Path), help="The home folder, instead of NARU_HOME.")
@click.option("--traceback", is_flag=True, help="Show where an error came from (for a bug report).")
@click.version_option(naru.__version__, prog_name="naru")
@click.pass_context
def cli(context: click.Context, home: Path | None, traceback: bool) -> None:
    """A city's files become live, keyed maps; its river becomes a flood model on the same map."""
    context.obj = Settings.from_environ(os.environ, home=home)


for command in (layers, export, jobs, work, verify, gc, backup, restore, doctor):
    cli.add_command(command)


def main() -> None:
    """Run the command line and end the process with its exit code."""
    try:
        code = cli.main(prog_name="naru", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("naru: stopped", err=True)
        sys.exit(1)
    except BrokenPipeError:
        os._exit(1)  # the reader of our output has gone; there is nobody to tell
    except NaruError as error:
        _fail(error)
    except OSError as error:
        _fail(
            StorageFailed(f"the system refused: {error.strerror or error}", file=_name(error), remedy=_CHECK_DISK)
        )
    except OperationalError as error:
        _fail(StorageFailed(f"the catalogue's database refused: {error.orig}", remedy=_CHECK_DISK))
    except Exception as error:
        _fail(NaruError(_UNEXPECTED.format(kind=type(error).__name__, text=error), remedy=_REPORT))
    sys.exit(code if isinstance(code, int) else 0)


def _name(error: OSError) -> str | None:
    return None if error.filename is None else os.fsdecode(error.filename)


def _fail(error: NaruError) -> None:
    if "--traceback" in sys.argv:
        raise error
    print_failure(error, as_json="--json" in sys.argv)
    sys.exit(1)
