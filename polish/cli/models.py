"""``polish models``: which weights there are, and fetching them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..errors import ModelUnavailable
from .console import emit_json, json_option, stage_bar, table

if TYPE_CHECKING:
    from ..models.store import Status


@click.group(invoke_without_command=True)
@click.pass_context
def models(context: click.Context) -> None:
    """List, fetch and verify weights."""
    if context.invoked_subcommand is None:
        context.invoke(list_, as_json=False)


@models.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List every model: what it is, size, licence, hash, here or not."""
    from ..models import store

    statuses = store.listing()
    if as_json:
        emit_json([_facts(status) for status in statuses])
        return
    rows = [
        [s.name, s.model.about, _megabytes(s), s.model.licence + ("" if s.model.sells else ", not to sell"),
         _hash(s), s.here]
        for s in statuses
    ]  # fmt: skip
    click.echo(table(["model", "what", "size", "licence", "SHA-256", "here"], rows))


def _facts(status: Status) -> dict[str, Any]:
    from ..models import store

    model = status.model
    return {
        "name": status.name, "kind": model.kind, "about": model.about, "licence": model.licence,
        "sells": model.sells, "source": model.source, "here": status.here, "size_bytes": status.bytes,
        "megabytes": model.megabytes, "hash": _hash(status),
        "sha256": {file: store.known_hash(file) for file in status.files}
        or ({f"{status.name}/{model.file_name()}": model.sha256} if model.sha256 else {}),
    }  # fmt: skip


def _megabytes(status: Status) -> str | None:
    if status.bytes is not None:
        return f"{status.bytes / 1e6:.0f} MB"
    return f"≈ {status.model.megabytes:.0f} MB" if status.model.megabytes else None


def _hash(status: Status) -> str:
    """Where the hash of a model comes from."""
    from ..models import store

    if status.model.sha256:
        return "in the manifest"
    return "from the first fetch" if store.pins(status.name) else "at the first fetch"


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
@json_option
def verify(names: tuple[str, ...], as_json: bool) -> None:
    """Read the files of models again and compare their hashes (all that are here, by default)."""
    from ..models import store

    found: dict[str, str] = {}
    wrong: list[ModelUnavailable] = []
    for name in names or [status.name for status in store.listing() if status.files]:
        for file in store.files(name):
            try:
                store.path(file)
                found[file] = "verified" if store.known_hash(file) else "no hash known"
            except ModelUnavailable as error:
                found[file] = error.what
                wrong.append(error)
    if as_json:
        emit_json(found)
    else:
        click.echo("\n".join(f"{file}: {what}" for file, what in found.items()) or "no weights are here")
    if wrong:
        raise wrong[0]


@models.command()
@click.argument("name", required=False)
def path(name: str | None) -> None:
    """Print the folder that weights are looked for in."""
    from ..models import store

    click.echo(store.root() / name if name else store.root())
