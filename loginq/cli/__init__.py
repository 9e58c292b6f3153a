"""The command line: parses, calls the service, renders. Everything that draws is in `console`."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from loginq import __version__
from loginq.cli import deploy, doctor, keys, load, local, logs, players, queue, rate, simulate, token, users
from loginq.cli.completion import stack_names
from loginq.cli.demo import demo
from loginq.cli.options import OPTIONS
from loginq.cli.play import play


class _Group(TyperGroup):
    """The outermost edge: an error of ours becomes words and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        from loginq.service.errors import LoginqError

        try:
            return super().invoke(ctx)
        except LoginqError as exc:
            if OPTIONS.debug:
                raise
            from loginq.cli import console

            console.error(exc)
            raise typer.Exit(console.exit_code(exc)) from exc
        except typer.Abort as exc:
            raise typer.Exit(130) from exc


app = typer.Typer(
    cls=_Group,
    name="loginq",
    help="The login queue for launch day, on your own AWS account.",
    epilog="Try it on this machine alone: loginq demo",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"loginq {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    stack: Annotated[
        str | None,
        typer.Option(help="The stack to use, in place of the one .env names.", autocompletion=stack_names),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")] = False,
) -> None:
    OPTIONS.stack, OPTIONS.debug = stack, debug


app.command()(demo)
app.command(name="deploy")(deploy.deploy)
app.command(name="destroy")(deploy.destroy)
app.command(name="status")(deploy.status)
app.command()(play)
app.command(**simulate.HELP)(simulate.simulate)
app.command(**doctor.HELP)(doctor.doctor)
app.command(**logs.HELP)(logs.logs)
app.add_typer(local.app, name="local")
app.add_typer(users.app, name="users")
app.add_typer(queue.app, name="queue")
app.add_typer(players.app, name="players")
app.add_typer(rate.app, name="rate")
app.add_typer(load.app, name="load")
app.add_typer(keys.app, name="keys")
app.add_typer(token.app, name="token")


def main() -> None:
    """The console script."""
    app()
