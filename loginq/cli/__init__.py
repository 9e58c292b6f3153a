"""The command line: parses, calls the service, renders. Everything that draws is in `console`."""

import signal
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from loginq import __version__
from loginq.cli import deploy, doctor, keys, load, local, logs, players, queue, rate, simulate, token, users
from loginq.cli.completion import stack_names
from loginq.cli.demo import demo
from loginq.cli.destroy import destroy
from loginq.cli.guide import guide
from loginq.cli.options import OPTIONS, example
from loginq.cli.play import play
from loginq.cli.status import status
from loginq.cli.target import EXAMPLE, target

_ANYWHERE = ("--stack", "--profile", "--region")
"""Options of `loginq` itself that may stand behind the command, too."""


class _Group(TyperGroup):
    """The outermost edge: an error of ours becomes words and an exit code."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The target's options are taken from wherever they stand, but for what is behind a bare `--`."""
        ctx.meta["loginq.words"] = tuple(args)
        end = args.index("--") if "--" in args else len(args)
        first, rest, words = list[str](), list[str](), iter(args[:end])
        for word in words:
            if word in _ANYWHERE:
                value = next(words, None)
                (rest if value is None else first).extend([word] if value is None else [word, value])
            else:
                (first if word.partition("=")[0] in _ANYWHERE and "=" in word else rest).append(word)
        return super().parse_args(ctx, [*first, *rest, *args[end:]])

    def invoke(self, ctx: Any) -> Any:
        from loginq.cli.reading import check_arguments
        from loginq.service.rules.errors import LoginqError

        try:
            check_arguments(ctx.meta["loginq.words"])
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
    profile: Annotated[str | None, typer.Option(help="The AWS profile to use.")] = None,
    region: Annotated[str | None, typer.Option(help="The AWS region of the stack.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")] = False,
) -> None:
    """--stack, --profile and --region may stand before or after the command."""
    OPTIONS.stack, OPTIONS.profile, OPTIONS.region, OPTIONS.debug = stack, profile, region, debug


app.command(**example("loginq demo"))(demo)
app.command(**example("loginq deploy --param InitialRate=50", "loginq deploy --local"))(deploy.deploy)
app.command(**example("loginq destroy --delete-data"))(destroy)
app.command(**example("loginq status"))(status)
app.command(**EXAMPLE)(target)
app.command(**example("loginq play --username ada"))(play)
app.command(**simulate.HELP)(simulate.simulate)
app.command(**doctor.HELP)(doctor.doctor)
app.command(**logs.HELP)(logs.logs)
app.command(**example("loginq guide", "loginq guide launch-day"))(guide)
app.add_typer(local.app, name="local")
app.add_typer(users.app, name="users")
app.add_typer(queue.app, name="queue")
app.add_typer(players.app, name="players")
app.add_typer(rate.app, name="rate")
app.add_typer(load.app, name="load")
app.add_typer(keys.app, name="keys")
app.add_typer(token.app, name="token")


def main() -> None:
    """The console script. However it ends, what it began is cleaned up."""
    for name in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(name) is not signal.SIG_IGN:  # as `nohup` has it
            signal.signal(name, _ended)
    app()


def _ended(number: int, frame: object) -> NoReturn:
    """As Ctrl-C does, raise where the program is, so that every `finally` runs; and let nothing interrupt that."""
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    raise SystemExit(128 + number)
