"""`naru twin`: rivers become terrains, terrains meshes and models. Each command is loaded when it is used."""

from __future__ import annotations

from importlib import import_module

import click

_COMMANDS = {  # name: where it is, what it does
    "terrain": ("twin.terrain_command:terrain", "Make a river's terrain from its survey, and publish it."),
    "mesh": ("twin.mesh_command:mesh", "Make the 3D mesh of a layer of heights."),
    "run": ("twin.run_command:run", "Run a flood scenario."),
    "report": ("twin.report_command:report", "Write the report of a flood run."),
    "models": ("twin.models_command:models", "Make 3D models of a layer of buildings or facilities."),
    "facilities": ("twin.facilities_command:facilities", "Gates, weirs, pumps, levees: template, check, publish."),
}


class _Lazy(click.Group):
    """A group that imports a command when it is asked for: numpy and its kin take a second."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, or None where there is no such."""
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name][0].split(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in _COMMANDS.items()])


@click.group(cls=_Lazy)
def twin() -> None:
    """The river twin: terrain from cross-sections, 3D meshes and models, facilities."""
