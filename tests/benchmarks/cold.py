"""Cold starts, memory and the bundle: each handler in an interpreter of its own, from the bundle of this machine."""

import compileall
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lambdas import (
    generate_load,
    get_jwks,
    get_line,
    get_login_status,
    process_login_queue,
    put_player_info,
    queue_player_login,
    report_sessions,
    runtime,
    settle_line,
)
from loginq.deploy import bundle
from loginq.service.rules.errors import Failed
from loginq.service.store.signing import Published, new_keys
from tests.benchmarks.measure import Row, against, instructions, median, recorded, script
from tests.benchmarks.stage import Handler, Stage, delivery, event, quiet

ROUNDS = 5
AS_IN_A_LAMBDA = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONSAFEPATH": "1"}
"""The folder of the bundle comes first, not that in which the benchmark runs, and what is compiled is not kept."""
_LEFT = {"player": "a", "admission": "b", "event": "left", "at": "2026-01-01T00:00:00.000Z"}
# The most memory it ever had, MB; `ru_maxrss` would be that of the process that started it.
PEAK = """
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
"""
_OURS = (
    PEAK
    + """
import json, sys, time
given, name = json.loads(sys.stdin.read()), sys.argv[1]
began = time.perf_counter()
handler = __import__("lambdas." + name, fromlist=["handler"]).handler
init = time.perf_counter() - began
handler(given, None)
took = time.perf_counter() - began
print(json.dumps({"took": took, "init": init, "mb": peak()}))
"""
)
BARE = (
    PEAK
    + """
import json, sys, time
calls = json.loads(sys.stdin.read())
began = time.perf_counter()
import boto3
from botocore import xform_name
from botocore.exceptions import ClientError
clients = {service: boto3.client(service) for service in dict.fromkeys(call[0] for call in calls)}
for service, operation, parameters in calls:
    try:
        getattr(clients[service], xform_name(operation))(**parameters)
    except ClientError:
        pass
took = time.perf_counter() - began
print(json.dumps({"took": took, "mb": peak()}))
"""
)


@dataclass(frozen=True)
class First:
    """A first call of one function."""

    name: str
    handler: Handler
    event: dict[str, Any]
    what: str = ""


def _calls(stage: Stage) -> list[First]:
    """One for each handler, two for the one that may have to sign."""
    waiting, inside = stage.tickets(2, "ours-")
    stage.queue.lines.change(lambda line, t: line.set_rate(t, 50_000_000))
    with quiet():
        process_login_queue.handler(delivery([inside]), None)
        get_login_status.handler(event(inside.sub, inside.ticket), None)
    stage.queue.lines.change(lambda line, t: line.set_rate(t, 1_000_000))
    Published(stage.queue.table, stage.queue.name).write(new_keys(stage.queue.clock()))
    profile = {"userName": "cold", "request": {"userAttributes": {"sub": "cold", "email": "cold@example.com"}}}
    report = {"body": json.dumps({"events": [_LEFT]})}
    return [
        First("put_player_info", put_player_info.handler, {"triggerSource": "cold", **profile}),
        First("queue_player_login", queue_player_login.handler, event("cold")),
        First("get_login_status", get_login_status.handler, event(waiting.sub, waiting.ticket), ", waiting"),
        First("get_login_status", get_login_status.handler, event(inside.sub, inside.ticket), ", with a token"),
        First("process_login_queue", process_login_queue.handler, delivery(stage.tickets(10, "ours-"))),
        First("settle_line", settle_line.handler, {}),
        First("get_jwks", get_jwks.handler, {}),
        First("get_line", get_line.handler, {}),
        First("report_sessions", report_sessions.handler, report),
        First("generate_load", generate_load.handler, {"run": "cold", "start": 0, "count": 10}),
    ]


def starting(stage: Stage) -> list[Row]:
    """Import and first call of each handler; its memory. Ours are compiled before, as the libraries are."""
    rows = []
    with TemporaryDirectory() as folder:
        zipfile.ZipFile(io.BytesIO(bundle.build(for_aws=False).content)).extractall(folder)
        compileall.compile_dir(folder, quiet=1)
        environment = {**stage.environment, "PYTHONPATH": folder, **AS_IN_A_LAMBDA}
        for first in _calls(stage):
            with quiet():
                first.handler(first.event, None)
                runtime.queue.cache_clear()
                with recorded() as calls:
                    first.handler(first.event, None)
            made = [(call.service, call.operation, call.parameters) for call in calls]
            bare = json.dumps(made, default=lambda packed: packed.decode("latin-1"))
            given = json.dumps(first.event)
            ours, theirs = [], []
            for _ in range(ROUNDS):
                ours.append(script(_OURS, environment, first.name, stdin=given))
                theirs.append(script(BARE, environment, stdin=bare))
            more = median([each["mb"] for each in ours]) - median([each["mb"] for each in theirs])
            took, bare_took = (f"{median([each['took'] for each in some]) * 1_000:.0f} ms" for some in (ours, theirs))
            took += f", {median([each['init'] for each in ours]) * 1_000:.0f} of them INIT"
            many = instructions(_OURS, environment, first.name, stdin=given)
            few = instructions(BARE, environment, stdin=bare)
            ratio = f"{many / few:.2f} in instructions" if many and few else _ratio(ours, theirs)
            rows.append(
                Row(f"`{first.name}`{first.what}; memory {more:+.0f} MB", took, bare_took, ratio, "≤ 1.3, +25 MB")
            )
    return rows


def _ratio(ours: list[dict[str, float]], theirs: list[dict[str, float]]) -> str:
    """By the clock, which swings by a fifth on a machine that does anything else."""
    return f"{against([each['took'] for each in ours], [each['took'] for each in theirs]):.2f}"


def large(stage: Stage) -> list[Row]:
    """Memory with a batch of 10,000."""
    tickets = stage.tickets(10_000, "ours-")
    with TemporaryDirectory() as folder:
        zipfile.ZipFile(io.BytesIO(bundle.build(for_aws=False).content)).extractall(folder)
        ours = script(
            _OURS, {**stage.environment, "PYTHONPATH": folder, **AS_IN_A_LAMBDA}, "process_login_queue",
            stdin=json.dumps(delivery(tickets)),
        )  # fmt: skip
        theirs = script(BARE, stage.environment, stdin=json.dumps([("dynamodb", "ListTables", {})]))
    return [
        Row(
            "`process_login_queue`, memory after a batch of 10,000",
            f"{ours['mb']:.0f} MB",
            f"{theirs['mb']:.0f} MB",
            f"{ours['mb'] - theirs['mb']:+.0f} MB",
            "+25 MB",
        )
    ]


def bundled(_: Stage) -> list[Row]:
    """The bundle for AWS, and what each part of it costs."""
    try:
        content = bundle.build(for_aws=True).content
    except Failed as exc:
        return [Row("bundle for AWS", "not measured", exc.message, "–", "–")]  # noqa: RUF001
    parts: dict[str, int] = {}
    for info in zipfile.ZipFile(io.BytesIO(content)).infolist():
        part = Path(info.filename).parts[0].partition("-")[0].partition(".")[0]
        parts[part] = parts.get(part, 0) + info.compress_size
    shown = ", ".join(f"{part} {size / 1_024:,.0f}" for part, size in sorted(parts.items(), key=lambda each: -each[1]))
    return [Row(f"bundle for AWS, KB: {shown}", f"{len(content) / 1_024:,.0f} KB", "–", "–", "–")]  # noqa: RUF001
