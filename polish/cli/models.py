"""``polish models``: which weights there are, and fetching them."""

from __future__ import annotations

import click

from .console import emit_json, json_option, stage_bar, table


@click.group(invoke_without_command=True)
@click.pass_context
def models(context: click.Context) -> None:
    """List, fetch and verify weights."""
    if context.invoked_subcommand is None:
        context.invoke(list_, as_json=False)


@models.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List every model: what it is, size, licence, here or not."""
    from ..models import store

    statuses = store.listing()
    if as_json:
        emit_json([
            {"name": s.name, "kind": s.model.kind, "about": s.model.about, "licence": s.model.licence,
             "sells": s.model.sells, "source": s.model.source, "here": s.here, "size_bytes": s.bytes,
             "sha256": {file: store.known_hash(file) for file in s.files}}
            for s in statuses
        ])  # fmt: skip
        return
    rows = [
        [s.name, s.model.about, s.model.licence, f"{s.bytes / 1e6:.0f} MB" if s.bytes else "not here"]
        for s in statuses
    ]
    click.echo(table(["model", "what", "licence", "here"], rows))


@models.command()
@click.argument("names", nargs=-1, required=True)
def fetch(names: tuple[str, ...]) -> None:
    """Fetch models; one that broke off goes on where it stopped."""
    from ..models import store

    for name in names:
        with stage_bar(name) as context:
            files = store.fetch(name, context.progress)
        click.echo(f"{name}: {len(files)} files, verified")


@models.command()
@click.argument("names", nargs=-1)
def verify(names: tuple[str, ...]) -> None:
    """Read the files of models again and compare their hashes (all that are here, by default)."""
    from ..models import store

    for name in names or [status.name for status in store.listing() if status.here]:
        for file, found in store.verify(name).items():
            click.echo(f"{file}: {found}")


@models.command()
@click.argument("name", required=False)
def path(name: str | None) -> None:
    """Print the folder that weights are looked for in."""
    from ..models import store

    click.echo(store.root() / name if name else store.root())
