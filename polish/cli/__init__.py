"""What a person types. Each command is thin; results go to stdout, everything else to stderr."""

from __future__ import annotations

import os
import sys
import traceback

import click

from .. import __version__
from ..errors import PolishError
from . import batch, generate, judge, lyrics, master, measure, models, recipes, run, separate

INTERRUPTED = 130
_LOOKS = "10000"
"""How often an idle thread of OpenMP looks for work before it rests. As often as it comes, threads that wait
for each other take the processor from those they wait for: beside other work a network takes three times
as long."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="polish")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def polish(debug: bool) -> None:
    """From a music generator's raw draft to a release-ready record.

    Start with `polish run streaming DRAFT`; `polish recipes` lists what else there is.
    """


for command in (
    run.run, recipes.plan, recipes.recipes, recipes.explain, recipes.schema, measure.measure,
    master.master, separate.separate, judge.beats, judge.sections, judge.check, lyrics.lyrics,
    generate.generate, batch.batch, models.models,
):  # fmt: skip
    polish.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave the process with the exit code of the design."""
    arguments = sys.argv[1:] if arguments is None else arguments
    os.environ.setdefault("GOMP_SPINCOUNT", _LOOKS)  # read when torch is imported, which is later
    try:
        code = polish.main(arguments, prog_name="polish", standalone_mode=False)
    except click.exceptions.Abort:
        code = _interrupted()
    except KeyboardInterrupt:
        code = _interrupted()
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except PolishError as error:
        if "--debug" in arguments:
            traceback.print_exc()
        click.echo(click.style("error: ", fg="red") + str(error), err=True)
        code = error.exit_code
    except BrokenPipeError:
        sys.stderr.close()
        code = 0
    except Exception as error:
        code = _ours(error, "--debug" in arguments)
    sys.exit(code or 0)


def _interrupted() -> int:
    click.echo("stopped; what was finished is used by the next run", err=True)
    return INTERRUPTED


def _ours(error: Exception, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    click.echo(
        f"{click.style('error: ', fg='red')}a bug of ours: {type(error).__name__}: {error}\n"
        "  try: the same command with `polish --debug …`, and send us what it prints",
        err=True,
    )
    return 1
