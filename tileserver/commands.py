"""`naru serve`: the server from the command line. `naru keys` and `naru usage` lie in rooms of their own."""

from __future__ import annotations

from dataclasses import replace

import click

from naru.listen import Listen, claim
from naru.settings import Settings
from naru.terminal import json_option, print_json
from tileserver.keys.commands import keys
from tileserver.usage.commands import usage

__all__ = ["keys", "serve", "usage"]


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0: any free port.")
@click.option("--workers", type=click.IntRange(1, 64), help="Server processes, instead of NARU_WORKERS.")
@click.option("--no-worker", is_flag=True, help="Run no job worker beside the server.")
@click.option("--tiles-only", is_flag=True, help="Serve stored tiles alone, from bjoern, behind a proxy.")
@json_option
@click.pass_obj
def serve(
    settings: Settings,
    host: str,
    port: int,
    workers: int | None,
    no_worker: bool,
    tiles_only: bool,
    as_json: bool,
) -> None:
    """Serve the map, its tiles and its interface until Ctrl-C."""
    from tileserver.serve import serve as run

    settings = replace(settings, workers=workers or settings.workers)
    listen = claim(Listen(host, port))
    if as_json:
        print_json({"url": listen.url, "workers": settings.workers})
    elif tiles_only:
        click.echo(f"Tiles, for a proxy:  {listen.url}tiles/\nStop with Ctrl-C.")
    else:
        click.echo(f"The map:    {listen.url}\nInterface:  {listen.url}docs\nStop with Ctrl-C.")
        if not (settings.public_url or listen.loopback):
            click.echo("Other sites' pages and desktop programs need absolute addresses: set NARU_PUBLIC_URL.")
    if tiles_only:
        from tileserver.tiles_only import serve_tiles

        serve_tiles(settings, listen)
    else:
        run(settings, listen, with_worker=not no_worker)
