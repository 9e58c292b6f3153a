"""What the documents take from the code itself: each table here stands between two marks in a page of the guide.

`python -m tests.documents` writes them all, and a test says when that is due.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import typer.main
import yaml

from loginq.cli.command import Named
from loginq.cli.console import exit_code
from loginq.cli.fields import DOCUMENTS
from loginq.cli.help import summary
from loginq.deploy import limits, template
from loginq.deploy.assets import TEMPLATE
from loginq.doctor import quotas
from loginq.service.operations import crowds
from loginq.service.requests import crowd
from loginq.service.rules import errors, line, numbers, player, polling, sessions, token
from loginq.service.rules.times import DAY, MINUTE, SECOND
from loginq.service.store import rosters

_ABOVE = {
    "GreaterThanThreshold": "above",
    "GreaterThanOrEqualToThreshold": "at least",
    "LessThanThreshold": "below",
}


def between(text: str, name: str, made: str) -> str:
    """A text with what stands between the two marks of this name made anew. Raises `ValueError` when it has none."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    start = text.index(begin) + len(begin)
    return f"{text[:start]}\n{made}\n{text[text.index(end) :]}"


def commands(command: Any, words: tuple[str, ...] = ("loginq",)) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, with the words that call it."""
    command = command.real if isinstance(command, Named) else command
    children = getattr(command, "commands", None)
    if children is None:
        yield words, command
        return
    for name, child in children.items():
        yield from commands(child, (*words, name))


@cache
def described() -> dict[str, Any]:
    """The description of the player API."""
    document: dict[str, Any] = yaml.safe_load(TEMPLATE.with_name("openapi.yaml").read_text(encoding="utf-8"))
    return document


def _commands() -> str:
    from loginq.cli import app

    def row(words: Sequence[str], command: Any) -> tuple[str, str]:
        usage = " ".join([*words, *(_parameter(each) for each in command.params if each.name != "help")])
        return f"`{usage}`", summary(command).rstrip(".")

    return _table("command | does", (row(*each) for each in commands(typer.main.get_command(app))))


def _documents() -> str:
    rows = ((f"`loginq {name}`", " or ".join(f"`{each}`" for each in some)) for name, some in DOCUMENTS.items())
    return _table("command | fields of its document", rows)


def _parameter(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        name = parameter.metavar or (parameter.name or "").rstrip("_").upper()
        name = f"{name}..." if parameter.nargs == -1 else name
        return name if parameter.required else f"[{name}]"
    option = max(parameter.opts, key=len)
    shown = (
        option if parameter.is_flag else f"{option} {parameter.metavar or (parameter.name or '').rstrip('_').upper()}"
    )
    return shown if parameter.required else f"[{shown}]"


def _errors() -> str:
    rows = ((f"`{code}`", each["status"], each["means"], each["do"]) for code, each in described()["x-errors"].items())
    return _table("code | status | what it means | what a client does", rows)


def _exit_codes() -> str:
    kinds = [each for each in errors.LoginqError.__subclasses__() if each is not errors.LoginError]
    rows = sorted((exit_code(each("")), f"`{each.__name__}`", (each.__doc__ or "").splitlines()[0]) for each in kinds)
    return _table("exit code | error | what it means", rows)


def _fields() -> str:
    schemas = described()["components"]["schemas"]
    answers = {"both": schemas["Standing"]}
    answers |= {call: schemas[name]["allOf"][1] for call, name in (("/login", "Ticket"), ("/login/status", "Status"))}
    answers["/line"] = schemas["Line"]
    answers["an event of /sessions"] = schemas["Events"]["properties"]["events"]["items"]
    answers["a count of /sessions"] = schemas["Count"]
    return _table(
        "field | in | type | what it is",
        (
            (f"`{name}`", where, _type(spec) + ("" if name in answer["required"] else ", if there is one"), _says(spec))
            for where, answer in answers.items()
            for name, spec in answer["properties"].items()
        ),
    )


def _type(spec: Mapping[str, Any]) -> str:
    words = " · ".join(f"`{each}`" for each in spec["enum"]) if "enum" in spec else spec.get("format", spec["type"])
    return f"{words} or null" if spec.get("nullable") else str(words)


def _says(spec: Mapping[str, Any]) -> str:
    return str(spec["description"]).rstrip(".")


_MORE = " More: `loginq guide alarms`."
"""What each alarm ends with, and the page of the alarms need not say."""


def _alarms() -> str:
    resources = template.load().document["Resources"]
    alarms = {name: each for name, each in resources.items() if each["Type"] == "AWS::CloudWatch::Alarm"}
    rows = [
        (
            f"[{name}](#{name.lower()})",
            _rings(each["Properties"]),
            each["Properties"]["AlarmDescription"].strip().removesuffix(_MORE),
        )
        for full in (False, True)
        for name, each in alarms.items()
        if each.get("Condition", "").startswith("IsFull") is full
    ]
    lean = sum(not each.get("Condition", "").startswith("IsFull") for each in alarms.values())
    rows.insert(lean, ("with `Monitoring=full`:", "", ""))
    return _table("alarm | rings when | says", rows)


def _rings(alarm: Mapping[str, Any]) -> str:
    stats = [each["MetricStat"] for each in alarm.get("Metrics", ()) if "MetricStat" in each]
    metric = alarm.get("MetricName") or f"{stats[0]['Metric']['MetricName']} of all functions"
    minutes = int(alarm.get("Period") or stats[0]["Period"]) * SECOND // MINUTE
    of, together = int(alarm["EvaluationPeriods"]), alarm.get("Statistic") or stats[0]["Stat"]
    often = f"in {alarm['DatapointsToAlarm']} of {of}" if of > 1 else "once"
    compared = _ABOVE[alarm["ComparisonOperator"]]
    return f"{metric}, {together.lower()} of {minutes} min, {compared} {alarm['Threshold']}, {often}"


def _parameters() -> str:
    rows = (
        (f"`{each.name}`", f"`{each.default}`" if each.default else "", _allowed(each), each.means)
        for each in template.load().parameters()
    )
    return _table("parameter | default | allowed | what it means", rows)


def _allowed(parameter: template.Parameter) -> str:
    choices = " · ".join(f"`{each}`" for each in parameter.choices)
    rule = parameter.rule.rstrip(".").replace("<", "\\<")  # else Markdown takes it for HTML
    return choices or rule or parameter.bounds


def _limits() -> str:
    longest, of_many = polling.LONGEST // SECOND, polling.LONGEST_OF_MANY // SECOND
    return _table(
        "what | most",
        [
            ("players in line, positions", "none: integers"),
            ("rate", f"{line.MAX_RATE // 1_000:,} players/s, in steps of a thousandth"),
            ("burst", f"{line.MAX_BURST:,} players"),
            ("capacity, players in the game", f"{numbers.MOST_PLAYERS:,}"),
            ("planned steps of the rate", str(line.MAX_STEPS)),
            ("message to all who wait", f"{line.MAX_MESSAGE} bytes"),
            ("time between two polls", f"{longest} s, {of_many} s where {polling.MANY} wait"),
            ("a new ticket after giving one up", f"{player.COOL_DOWN // SECOND} s later"),
            ("events in one report of a game server", str(sessions.MOST)),
            ("age of a game server's copy of the key set", f"{token.JWKS_MAX_AGE} s"),
            ("difference of the clocks of game server and API", f"{token.LEEWAY} s"),
            ("synthetic players in one run, kept for", f"{crowd.MOST:,}, {crowd.KEPT // DAY} day"),
            ("real players in one run", f"{crowds.MOST_REAL:,}"),
            ("who got which place is kept for", f"{rosters.KEPT // DAY} days"),
        ],
    )


def _quotas() -> str:
    allowed = {each.name: (f"{each.default:,}", each) for each in quotas.needs(quotas.Crowd(1, SECOND))}
    rows: list[tuple[str, ...]] = [
        (name, default + ("" if "at once" in name else "/s"), f"{each.service}, “{each.quota}”")
        for name, (default, each) in allowed.items()
    ]
    rows += [
        (name, f"{limits.WARM[parameter]:,}/s", f"`{parameter}`")
        for name, parameter in (("reads of a new table", "WarmReads"), ("writes of a new table", "WarmWrites"))
    ]
    return _table("what a launch asks of AWS | default | how to have more", rows)


def _table(header: str, rows: Iterable[Sequence[object]]) -> str:
    lines = [f"| {header} |", "|" + "---|" * (header.count("|") + 1)]
    lines += ("| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows)
    return "\n".join(lines)


PARTS: dict[str, Callable[[], str]] = {
    "commands": _commands,
    "documents": _documents,
    "errors": _errors,
    "exit-codes": _exit_codes,
    "fields": _fields,
    "alarms": _alarms,
    "parameters": _parameters,
    "limits": _limits,
    "quotas": _quotas,
}
"""The name of the marks -> what makes the table between them."""
