"""The pages under docs/ keep up with the code: settings, commands, options, routes, error codes, links."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from naru.cli import cli
from naru.errors import NaruError
from naru.settings import TABLE, Settings

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
USERS = ("gis-staff.md", "web-developers.md", "planners.md", "operators.md")


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, name
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(commands(cli))


def error_classes(root: type[NaruError] = NaruError) -> Iterator[type[NaruError]]:
    yield root
    for sub in root.__subclasses__():
        yield from error_classes(sub)


def shell_lines(page: Path) -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip().startswith("naru ")]


EXAMPLES = [(page, line) for page in [*PAGES, ROOT / "README.md"] if page.exists() for line in shell_lines(page)]


@pytest.mark.parametrize("setting", TABLE, ids=lambda s: s.name)
def test_setting_stands_in_the_table_as_the_code_has_it(setting) -> None:
    row = next(
        (r for r in (DOCS / "settings.md").read_text().splitlines() if r.startswith(f"| `{setting.name}` |")), None
    )
    assert row, f"docs/settings.md has no row for {setting.name}"
    cells = [cell.strip() for cell in row.strip("|").replace(r"\|", "¦").split("|")]
    default = f"`{setting.default}`" if setting.default else "(empty)"
    assert cells == [f"`{setting.name}`", default, setting.unit.replace("|", "¦"), setting.help.replace("|", "¦")]


def test_settings_page_names_no_setting_that_is_not_there() -> None:
    named = set(re.findall(r"\bNARU_[A-Z_]+\b", "".join(p.read_text(encoding="utf-8") for p in PAGES)))
    assert named <= {s.name for s in TABLE}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_command_and_its_options_are_in_the_command_page(path: tuple[str, ...]) -> None:
    text = (DOCS / "cli.md").read_text(encoding="utf-8")
    heading = f"\n### `naru {' '.join(path)}"
    assert heading in text, f"docs/cli.md has no section for naru {' '.join(path)}"
    section = re.split(r"\n#{2,3} ", text.split(heading, 1)[1], maxsplit=1)[0]
    for option in COMMANDS[path].params:
        if isinstance(option, click.Option) and not option.hidden and option.name != "as_json":
            longest = max(option.opts, key=len)
            assert re.search(rf"`[^`]*{re.escape(longest)}\b", section), f"{longest} of naru {' '.join(path)}"


def test_command_page_has_no_section_for_a_command_that_is_not_there() -> None:
    headings = re.findall(
        r"^### `naru ([a-z -]+?)[ `]*(?:[A-Z\[].*)?`?$", (DOCS / "cli.md").read_text(), re.MULTILINE
    )
    assert {tuple(h.split()) for h in headings} <= set(COMMANDS)


@pytest.mark.parametrize("error", sorted(set(error_classes()), key=lambda e: e.code), ids=lambda e: e.code)
def test_error_code_is_explained(error: type[NaruError]) -> None:
    assert f"\n| `{error.code}` |" in (DOCS / "errors.md").read_text(encoding="utf-8")


def test_every_route_is_in_the_http_page(tmp_path: Path) -> None:
    from tileserver.app import create_app

    app = create_app(Settings.from_environ({}, home=tmp_path))
    text = (DOCS / "http.md").read_text(encoding="utf-8")
    routes = {re.sub(r"<(?:[^:<>]+:)?(\w+)>", r"{\1}", rule.rule) for rule in app.url_map.iter_rules()}
    assert len(routes) > 5
    assert routes == set(re.findall(r"^\| `(/[^`]*)` \|", text, re.MULTILINE))


@pytest.mark.parametrize(("page", "line"), EXAMPLES, ids=lambda v: v.name if isinstance(v, Path) else v)
def test_example_is_a_command_line_that_parses(page: Path, line: str) -> None:
    command, words = cli, shlex.split(line, comments=True)[1:]
    while isinstance(command, click.Group):
        _, rest, _ = command.make_parser(click.Context(command)).parse_args(args=words)
        found = command.get_command(click.Context(command), rest[0]) if rest else None
        assert found, f"{page.name}: {line}"
        command, words = found, rest[1:]
    values, _, _ = command.make_parser(click.Context(command)).parse_args(args=words)
    for option in command.params:
        if isinstance(option.type, click.Choice) and isinstance(values.get(option.name), str):
            option.type.convert(values[option.name], option, None)


def test_options_named_in_the_text_are_there() -> None:
    options = [option for command in COMMANDS.values() for option in command.params]
    there = {opt for option in options for opt in (*option.opts, *option.secondary_opts)}
    there |= {opt for option in cli.params for opt in option.opts} | {"--help"}
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]", "".join(re.findall(r"`[^`\n]+`", text))))
    assert named - there == set()


def test_there_are_examples_for_each_kind_of_user() -> None:
    with_examples = {page.name for page, _ in EXAMPLES}
    assert with_examples >= {*USERS, "cli.md"}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(DOCS).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|mailto:)([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} points to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(DOCS).as_posix())
def test_index_leads_to_every_page(page: Path) -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    assert page.name == "README.md" or f"({page.relative_to(DOCS).as_posix()})" in index
