"""The command line: parses, calls the service, renders. Everything that draws is in `console`.

A command is a function in the module of its name, or of its group's, registered by `command`; what is called without
a group, and each group, stands in `CONTENTS`.
"""

import signal
from typing import Annotated, Any, NoReturn

import typer

from loginq import __version__
from loginq.cli import console
from loginq.cli.command import Group, Named
from loginq.cli.completion import stack_names
from loginq.cli.options import OPTIONS
from loginq.cli.reading import check_arguments
from loginq.service.rules.errors import LoginqError

CONTENTS = {
    "Start": {
        "demo": "Show the whole story on this machine.",
        "deploy": "Deploy the queue, or update it.",
        "local": "The embedded emulator, for this machine alone.",
    },
    "Players": {
        "play": "Sign up or in, wait in line, and enter the game.",
        "client": "Write the client with which your own game waits in line.",
        "players": "Player state in DynamoDB.",
        "users": "Accounts in Cognito and their player rows.",
    },
    "Line": {
        "queue": "The line and the intake.",
        "rate": "How fast players are let in.",
        "servers": "Game servers: how many players they hold, and their keys.",
    },
    "Launch": {
        "simulate": "Play a launch on a virtual clock.",
        "load": "Synthetic crowds, always marked, always removable.",
        "doctor": "Check that everything is in place.",
        "report": "Report on a launch, afterwards.",
    },
    "Stack": {
        "status": "Say what is deployed and whether it is well.",
        "target": "Say which queue the commands here are about, and who says so.",
        "logs": "Show what the lambdas said, in order of time.",
        "keys": "The keys that sign admission tokens.",
        "token": "Admission tokens, as a game server sees them.",
        "deployments": "List who deployed what, and when; the newest first.",
        "rollback": "Put back the code and the template of the deployment before.",
        "lock": "Keep everybody from deploying until `loginq unlock`.",
        "unlock": "Let the stack be deployed again.",
        "destroy": "Take the queue down.",
    },
    "Help": {
        "guide": "Show a page of the guide, or which there are.",
        "completion": "Print what makes a shell complete what is typed here.",
    },
}
"""Task -> name -> what it is: the first line of its help, so that its module is imported only when it is called."""
_ANYWHERE = ("--stack", "--profile", "--region")
"""Options of `loginq` itself that may stand behind the command, too."""


class _Root(Group):
    """The outermost edge: an error of ours becomes words and an exit code."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = {
            name: Named(name, help=summary, rich_help_panel=task)
            for task, named in CONTENTS.items()
            for name, summary in named.items()
        }

    def get_params(self, ctx: Any) -> list[Any]:
        """Without Typer's own options for completion, which edit the shell's files: `loginq completion` prints."""
        return [each for each in super().get_params(ctx) if not str(each.name).endswith("_completion")]

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
        try:
            check_arguments(ctx.meta["loginq.words"])
            return super().invoke(ctx)
        except LoginqError as exc:
            if OPTIONS.debug:
                raise
            console.error(exc)
            raise typer.Exit(console.exit_code(exc)) from exc
        except typer.Abort as exc:
            raise typer.Exit(130) from exc


app = typer.Typer(
    cls=_Root,
    name="loginq",
    help="The login queue for launch day, on your own AWS account.",
    epilog="loginq demo",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"loginq {__version__}")
        raise typer.Exit


def _info(asked: bool) -> None:
    if asked:
        import json

        from loginq.cli.info import info

        console.lines([json.dumps(info(), indent=2)])
        raise typer.Exit


@app.callback()
def _root(
    stack: Annotated[
        str | None,
        typer.Option(
            help="The stack to use, in place of the one .env names. [env: LOGINQ_STACK]", autocompletion=stack_names
        ),
    ] = None,
    profile: Annotated[str | None, typer.Option(help="The AWS profile to use. [env: AWS_PROFILE]")] = None,
    region: Annotated[str | None, typer.Option(help="The AWS region of the stack. [env: AWS_DEFAULT_REGION]")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")] = False,
    info: Annotated[
        bool,
        typer.Option("--info", callback=_info, is_eager=True, help="Say which, from where and on what, as JSON."),
    ] = False,
) -> None:
    """--stack, --profile and --region may stand before or after the command."""
    OPTIONS.stack, OPTIONS.profile, OPTIONS.region, OPTIONS.debug = stack, profile, region, debug


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
