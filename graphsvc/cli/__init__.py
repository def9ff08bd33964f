"""The command line. Exit codes: 0 done, 1 something does not hold, 2 bad input, 3 refused, 4 no answer."""

from __future__ import annotations

import sys

import typer
from rich.console import Console

import graphsvc
from graphsvc.cli import (
    access,
    ask,
    backup,
    convert,
    custody,
    doctor,
    evidence,
    group,
    holdings,
    init,
    keys,
    mapping,
    match,
    members,
    policy,
    policyversions,
    rebuild,
    rings,
    run,
    scan,
    sharing,
    sign,
    submit,
    template,
    token,
    trust,
    verify,
    witness,
)
from graphsvc.cli.output import BAD_INPUT, JSON_FLAG, exit_code, fail
from graphsvc.model.errors import GraphsvcError
from graphsvc_verify.errors import VerifyError

EPILOG = "Exit codes: 0 done · 1 something does not hold · 2 bad input · 3 the service refused · 4 no answer"

app = typer.Typer(
    name="graphsvc",
    help="A shared case graph whose every read leaves a trail that each party can verify.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("init")(init.init)
app.command("up")(run.up)
app.command("demo")(run.demo)
app.command("submit")(submit.submit)
app.command("convert")(convert.convert_file)
app.command("template")(template.template)
app.command("map")(mapping.propose_map)
app.command("ask")(ask.ask)
app.command("evidence")(evidence.evidence)
app.command("verify")(verify.verify)
app.command("scan")(scan.scan)
app.command("witness")(witness.witness)
app.command("match")(match.match)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore_backup)
app.command("rebuild")(rebuild.rebuild)
app.command("sign")(sign.sign)
app.command("token")(token.token)
app.add_typer(keys.app, name="keys")
app.add_typer(trust.app, name="trust")
app.command("case")(holdings.case)
app.command("cases")(holdings.cases)
app.command("submissions")(holdings.submissions)
app.command("access-log")(holdings.access_log)
app.command("act")(sharing.act)
app.command("requests")(sharing.requests)
app.command("decide")(sharing.decide)
app.command("grants")(sharing.grants)
app.add_typer(group.app, name="group")
app.command("recall")(custody.recall)
app.command("notices")(custody.notices)
app.command("hold")(custody.hold)
app.command("release")(custody.release)
app.command("erase")(custody.erase)
app.command("purge")(custody.purge)
app.command("doctor")(doctor.doctor)
app.command("reapply")(doctor.reapply)
app.command("subject-access")(access.subject_access)
app.add_typer(members.app, name="members")
app.add_typer(rings.app, name="rings")
app.add_typer(policy.app, name="policy")
policyversions.add(policy.app)


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
        fail(Console(stderr=True), error, as_json=JSON_FLAG in sys.argv)
        sys.exit(exit_code(error))
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        plain = GraphsvcError(error.strerror or type(error).__name__, code="system", where=str(error.filename or ""))
        fail(Console(stderr=True), plain, as_json=JSON_FLAG in sys.argv)
        sys.exit(BAD_INPUT)
    except KeyboardInterrupt:
        sys.exit(130)
