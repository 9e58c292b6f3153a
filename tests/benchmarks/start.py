"""The first answer of a cold function that signs, and what a poll logs, on this commit and on an older one, in turn."""

import io
import json
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from lambdas import process_login_queue
from loginq.deploy import bundle, template
from loginq.service.rules.ticket import Ticket
from tests.benchmarks.cold import AS_IN_A_LAMBDA
from tests.benchmarks.measure import ROOT, Row, against, median, script
from tests.benchmarks.stage import Stage, delivery, event, quiet

BEFORE = "d4b9468"
"""Before the functions made anything ready while they start."""
ROUNDS = 9
SHARE = 512 / 1_769
"""Of a core that a call has at 512 MB; while a function starts it has whole ones.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
"""
EVENT_BYTES = 26
"""What CloudWatch Logs adds to each event: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html"""
_ID = "8f5c1c2e-7d2b-4b8e-9d5f-0123456789ab"
_LAMBDA = (
    f"START RequestId: {_ID} Version: $LATEST\n",
    f"END RequestId: {_ID}\n",
    f"REPORT RequestId: {_ID}\tDuration: 12.34 ms\tBilled Duration: 13 ms\tMemory Size: 512 MB\t"
    "Max Memory Used: 90 MB\t\n",
)
"""What Lambda itself logs of a warm call in its text format.

https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
"""
_RUN = """
import io, json, sys, time

given, id = json.loads(sys.stdin.read()), sys.argv[1]

class Context:
    aws_request_id = id
    def get_remaining_time_in_millis(self):
        return 5_000

said, out = io.StringIO(), sys.stdout
sys.stdout = sys.stderr = said
began = time.process_time()
from lambdas.get_login_status import handler
init = time.process_time() - began
calls = []
for _ in range(given["calls"]):
    began, before = time.process_time(), said.tell()
    answer = handler(given["event"], Context())
    calls.append({
        "cpu": time.process_time() - began,
        "lines": said.getvalue()[before:].splitlines(),
        "body": json.loads(answer["body"]),
    })
print(json.dumps({"init": init, "calls": calls}), file=out)
"""


def answering(stage: Stage) -> list[Row]:
    """CPU while the function starts and in its first call, and bytes of log."""
    with TemporaryDirectory() as folder:
        old = _checked_out(Path(folder) / "old")
        if old is None:
            return [Row("both commits", "skipped: no history", "–", "–", "–")]  # noqa: RUF001
        new = Path(folder) / "new"
        zipfile.ZipFile(io.BytesIO(bundle.build(for_aws=False).content)).extractall(new)
        return [*_cpu(stage, new, old), *_logs(stage, new, old)]


def _checked_out(folder: Path) -> Path | None:
    """The older commit's files; None where git does not know it."""
    done = subprocess.run(
        ["git", "archive", "--format=zip", BEFORE], cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode:
        return None
    zipfile.ZipFile(io.BytesIO(done.stdout)).extractall(folder)
    return folder


def _run(stage: Stage, folder: Path, ticket: Ticket, calls: int = 1) -> Any:
    environment = {**stage.environment, "PYTHONPATH": str(folder), **AS_IN_A_LAMBDA}
    environment |= {"POWERTOOLS_SERVICE_NAME": "get_login_status", "INITIAL_RATE": "1000"}
    given = {"event": event(ticket.sub, ticket.ticket), "calls": calls}
    return script(_RUN, environment, _ID, stdin=json.dumps(given))


def _cpu(stage: Stage, new: Path, old: Path) -> list[Row]:
    stage.queue.lines.change(lambda line, t: line.set_rate(t, 50_000_000))
    tickets = iter(_placed(stage, 2 * ROUNDS))
    ours, theirs = list[tuple[float, float]](), list[tuple[float, float]]()
    for _ in range(ROUNDS):
        for found, folder in ((ours, new), (theirs, old)):
            run = _run(stage, folder, next(tickets))
            (call,) = run["calls"]
            assert call["body"]["admission_token"].count(".") == 2, call["body"]
            found.append((run["init"], call["cpu"]))
    kinds = {
        "its first call, which lets in and signs": ((0, 1), "≤ 0.55"),
        "all of it, from the first import on": ((1, 1), "≤ 1.05"),
        "the same at 512 MB, where a call has 0.29 of a core": ((1, 1 / SHARE), "≤ 0.55"),
    }
    rows = []
    for what, ((init, call), aim) in kinds.items():
        took, took_before = ([init * i + call * c for i, c in some] for some in (ours, theirs))
        ratio = f"{against(took, took_before):.2f}"
        rows.append(Row(f"CPU, {what}", _ms(took), f"{BEFORE}: {_ms(took_before)}", ratio, aim))
    return rows


def _ms(took: list[float]) -> str:
    return f"{median(took) * 1_000:.1f} ms"


def _logs(stage: Stage, new: Path, old: Path) -> list[Row]:
    stage.queue.lines.change(lambda line, t: line.pause(t))
    (ticket,) = _placed(stage, 1)
    rows, sizes = [], list[int]()
    for folder in (new, old):
        *_, warm = _run(stage, folder, ticket, calls=3)["calls"]
        assert warm["body"]["state"] == "waiting", warm
        own = [f"{line}\n" for line in warm["lines"]]
        sizes.append(_bytes(own) + _bytes(_of_lambda(folder)))
    stage.queue.lines.change(lambda line, t: line.resume(t))
    ours, theirs = sizes
    rows.append(
        Row(
            "log of a poll of who waits, with what Lambda and CloudWatch add",
            f"{ours} bytes",
            f"{BEFORE}: {theirs} bytes",
            f"{ours / theirs:.2f}",
            "≤ 0.5",
        )
    )
    return rows


def _bytes(lines: Any) -> int:
    return sum(len(line.encode()) + EVENT_BYTES for line in lines)


def _of_lambda(folder: Path) -> tuple[str, ...]:
    """What Lambda logs of each call by the template of this commit: nothing where only its warnings are wanted."""
    name = "cloudformation/loginq.yaml"
    text = ((folder if (folder / name).exists() else ROOT) / name).read_text()
    logging = _logging(yaml.load(text, template._Loader))  # noqa: S506 - a safe one, with CloudFormation's tags
    if logging.get("LogFormat") == "JSON" and logging.get("SystemLogLevel") == "WARN":
        return ()
    assert logging.get("LogFormat", "Text") == "Text", logging
    return _LAMBDA


def _logging(part: Any) -> Mapping[str, Any]:
    """The `LoggingConfig` of the template's functions: the first, and all are alike."""
    if isinstance(part, dict):
        if "LoggingConfig" in part:
            return dict(part["LoggingConfig"])
        part = list(part.values())
    return next((found for each in part if (found := _logging(each))), {}) if isinstance(part, list) else {}


def _placed(stage: Stage, count: int) -> list[Ticket]:
    tickets = stage.tickets(count, "ours-")
    with quiet():
        process_login_queue.handler(delivery(tickets), None)
    return tickets
