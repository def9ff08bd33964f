"""The command line. Exit codes: 0 done, 1 something does not hold, 2 bad input, 3 refused, 4 no answer."""

from __future__ import annotations

import sys

import typer

import graphsvc
from graphsvc.cli.commands import FORM, Commands
from graphsvc.model.errors import GraphsvcError
from graphsvc_verify.errors import VerifyError

EPILOG = "Exit codes: 0 done · 1 something does not hold · 2 bad input · 3 the service refused · 4 no answer"

app = typer.Typer(
    cls=Commands,
    name="graphsvc",
    help="A shared case graph whose every read leaves a trail that each party can verify.",
    epilog=EPILOG,
    no_args_is_help=True,
    **{**FORM, "add_completion": True},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"graphsvc {graphsvc.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    """A shared case graph whose every read leaves a trail that each party can verify."""


def main() -> None:
    """Run the command line; errors become one line (or one JSON object) and an exit code."""
    try:
        app()
    except (GraphsvcError, VerifyError) as error:
        sys.exit(_failed(error))
    except ModuleNotFoundError as error:
        if (error.name or "graphsvc").partition(".")[0] in ("graphsvc", "graphsvc_verify", "importers"):
            raise
        message = "this command needs more than the client: pip install 'graphsvc[service,local]'"
        sys.exit(_failed(GraphsvcError(message, code="not_installed", where=error.name or "")))
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        message = error.strerror or type(error).__name__
        sys.exit(_failed(GraphsvcError(message, code="system", where=str(error.filename or ""))))
    except KeyboardInterrupt:
        sys.exit(130)


def _failed(error: GraphsvcError | VerifyError) -> int:
    """Say what went wrong; returns the exit code."""
    from rich.console import Console

    from graphsvc.cli.output import JSON_FLAG, exit_code, fail

    fail(Console(stderr=True), error, as_json=JSON_FLAG in sys.argv)
    return exit_code(error)
