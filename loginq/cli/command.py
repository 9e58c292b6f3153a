"""How a command is registered, what it returns, and the one place where that is printed."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial, wraps
from importlib import import_module
from typing import Any, TypeVar

import typer
import typer.main
from typer.core import TyperCommand, TyperGroup

from loginq.cli import console
from loginq.cli.asking import outcome
from loginq.cli.lists import paged
from loginq.cli.options import Json

Work = TypeVar("Work", bound=Callable[..., Any])


def _nothing() -> None: ...


@dataclass(frozen=True, slots=True)
class Found:
    """What a command found.

    Args:
        document: for programs; None for what only people are told.
        draw: puts it on the screen, for people.
        ok: whether all is well; the command ends with 1 when it is not.
        is_long: whether it may be longer than a screen.
    """

    document: dict[str, Any] | None
    draw: Callable[[], object] = _nothing
    ok: bool = True
    is_long: bool = False


def listed(target: str | None, items: Sequence[Any], draw: Callable[[], object], total: int | None = None) -> Found:
    """A list. `total`: how many there are, these among them; None where nobody has counted."""
    return Found({"target": target, "items": list(items), "total": total}, draw, is_long=True)


def show(found: Found, json: bool) -> None:
    """Print what was found, as JSON or as a screen: no command does so by itself.

    Every document begins with its target, which is null where a command is about none.
    """
    if json:
        if found.document is not None:
            console.document({"target": None, **found.document})
    elif found.is_long:
        paged(found.draw)
    else:
        found.draw()


class _Helping:
    def format_help(self, ctx: Any, formatter: Any) -> None:
        from loginq.cli.help import drawn

        formatter.write(drawn(self, ctx))


_UsageError: Any = typer.BadParameter.__base__
"""What is wrong with what was typed; Typer gives no other name to it."""


class Command(_Helping, TyperCommand):
    """A command with the help of all of ours, and with its examples under what was typed wrongly."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Raises an error that shows how it is typed, too."""
        try:
            return super().parse_args(ctx, args)
        except _UsageError as exc:
            exc.message = exc.message.removeprefix("Value error, ")  # which pydantic puts before what Typer says
            vars(exc)["show"] = partial(_showing, exc.show, self.epilog or "")
            raise


def _showing(show: Callable[..., None], examples: str, *given: Any) -> None:
    show(*given)
    for line in examples.splitlines():
        console.say(f"Example: {line}")


class Group(_Helping, TyperGroup):
    """A group of commands with the help of all of ours."""


class Named(TyperCommand):
    """A command or group of `loginq` by its name alone; its module, of the same name, is imported when it is called."""

    @property
    def real(self) -> Any:
        """What is called."""
        return _loaded(str(self.name))

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context in which the real one is called."""
        return self.real.make_context(info_name, args, parent, **extra)


@cache
def _loaded(name: str) -> Any:
    return typer.main.get_command(import_module(f"loginq.cli.{name}").app)


def alone() -> typer.Typer:
    """The `app` of a module with one command, which is called by the module's name."""
    return typer.Typer(add_completion=False, rich_markup_mode=None)


def group(about: str) -> typer.Typer:
    """The `app` of a module with commands, which are called behind the module's name."""
    app = typer.Typer(cls=Group, help=about, no_args_is_help=True, add_completion=False, rich_markup_mode=None)
    app.callback()(_nothing)  # else one command would be no group
    return app


def command(app: typer.Typer, *examples: str, look: str = "", **settings: Any) -> Callable[[Work], Work]:
    """Register a command under its function's name, with its examples, each a line to be copied.

    The function returns a `Found`, or yields several, which are printed as they come, also what it yields when it is
    interrupted. It is given `--json`, and told of it where it has a parameter `json`. One that returns None draws as
    it goes, and has no JSON.

    `look`: the command that says whether it was done, where doing it twice is not the same as once.
    """

    def register(work: Work) -> Work:
        name = getattr(work, "__name__", "").rstrip("_").replace("_", "-")
        app.command(name, cls=Command, epilog="\n".join(examples), **settings)(_printing(work, name, look))
        return work

    return register


def _printing(work: Callable[..., Any], name: str, look: str) -> Callable[..., None]:
    """The function with `--json`, that prints what it returns."""
    signature = inspect.signature(work)
    if signature.return_annotation is None:
        return work
    is_told = "json" in signature.parameters

    @wraps(work)
    def run(*, json: bool, **given: Any) -> None:
        ok = True
        with outcome(name, look):
            made: Found | Iterable[Found] = work(**given, json=json) if is_told else work(**given)
            for found in (made,) if isinstance(made, Found) else made:
                show(found, json)
                ok = ok and found.ok
        if not ok:
            raise typer.Exit(1)

    if not is_told:
        asked = inspect.Parameter("json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Json)
        signature = signature.replace(parameters=[*signature.parameters.values(), asked])
    vars(run)["__signature__"] = signature.replace(return_annotation=None)
    run.__annotations__ = {**work.__annotations__, "json": Json, "return": None}
    return run
