"""`loginq queue`: whole screens and exit codes, on moto; `watch` as a stream and a lambda's log are in tests/e2e."""

import json
import re
from pathlib import Path

import pytest

from loginq.service.operations.front_door import FrontDoor
from loginq.service.operations.target import Target
from loginq.service.rules.line import Line
from loginq.service.rules.player import Identity
from loginq.service.rules.ticket import Ticket
from loginq.service.store.intake import Intake
from loginq.service.store.queue import Queue
from tests.cli.conftest import TARGET, Run, door, settled

NOW = 1_800_000_000_000


def test_stats(run: Run, deployed: Target, queue: Queue) -> None:
    settled(
        queue, Line(tail=1_200, reached_to=460, gate=460_000_000, paused=True, rate=20_000, burst=20, capacity=5_000)
    )
    screen = run("queue", "stats")
    assert (screen.code, screen.err) == (0, "")
    assert screen.out == (
        "╭─ queue main · aws 123456789012 eu-west-1 loginq ────────────────╮\n"
        "│ state           paused                                          │\n"
        "│ waiting         740                                             │\n"
        "│ reached         460 of 1,200                                    │\n"
        "│ rate            20/s, burst 20                                  │\n"
        "│ planned         nothing                                         │\n"
        "│ capacity        5,000 in the game, 460 held for who was reached │\n"
        "│ gate            0/s pass                                        │\n"
        "│ admitted        0 in the last minute, 0.0/s                     │\n"
        "│ in the game     0: 0 let in, 0 left                             │\n"
        "│ no-shows        0                                               │\n"
        "│ arriving        not known                                       │\n"
        "│ front door      40 calls in the last minute, 0 4xx, 0 5xx       │\n"
        "│ intake          0 visible, 0 in flight, 0 delayed               │\n"
        "│ dead letters    0                                               │\n"
        "│ newcomer waits  –                                               │\n"  # noqa: RUF001
        "╰─────────────────────────────────────────────────────────────────╯"
    )


def test_stats_as_json(run: Run, deployed: Target, queue: Queue) -> None:
    settled(queue, Line(tail=1_200, reached_to=460, gate=460_000_000, paused=True, rate=20_000, burst=20))
    screen = run("queue", "stats", "--json")
    assert (screen.code, screen.err) == (0, "")
    document = json.loads(screen.out)
    assert document.pop("settled_at").endswith("Z")
    assert document.pop("counting_behind_seconds") == 0
    assert document == {
        "queue": "main",
        "target": TARGET,
        "intake": {"visible": 0, "in_flight": 0, "delayed": 0, "dead_letters": 0},
        "line": {"tail": 1_200, "reached": 460, "waiting": 740, "holes": 0, "version": 1, "state": "paused"},
        "rate": {
            "per_second": 20.0,
            "burst": 20,
            "steps": [],
            "by_plan_since": None,
            "max_per_second": None,
            "capacity": None,
            "admitted_per_second": 0.0,
            "arriving_per_second": None,
            "gate_per_second": 0.0,
        },
        "players": {"admitted": 0, "in_game": 0, "no_shows": 0, "departed": 0},
        "servers": None,
        "eta_seconds": None,
        "eta_basis": None,
        "last_change": None,
        "note": None,
        "door": {
            "window_seconds": 60,
            "metrics_age_seconds": None,
            "calls": 40,
            "errors_4xx": 0,
            "errors_5xx": 0,
            "refused": {"queue_closed": None, "blocked": None, "too_many_requests": None, "ticket_expired": None},
            "throttled": {"functions": None, "table": None, "sign_ins": None},
            "waiting_times": None,
            "edge": None,
            "alarms": [],
            "unread": "",
        },
        "attention": [],
    }


def test_stats_says_above_all_that_the_door_is_broken(
    run: Run, deployed: Target, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled(queue, Line())
    broken = {"5XXError": 37, "queue_closed": 1}
    monkeypatch.setattr(FrontDoor, "read", lambda _, t: door(t, **broken))
    assert run("queue", "stats").out.splitlines()[:3] == [
        "! 36 of 40 calls of the API failed (5xx) in the last minute",
        "    loginq logs --level ERROR",
        "    loginq doctor  # say why",
    ]


def test_who_cannot_see_the_door_is_told_so(run: Run, target: Target, queue: Queue) -> None:
    """The rest of the numbers are there all the same."""
    settled(queue, Line(tail=7))
    Path(".env").write_text("".join(f"{k}={v}\n" for k, v in target.names().items()))
    screen = run("queue", "stats")
    assert screen.code == 0 and "7" in screen.out
    assert screen.out.startswith("! the front door cannot be seen: AWS has not answered for the stack (ListStack")


def test_stats_after_a_wrong_rate(run: Run, deployed: Target, queue: Queue) -> None:
    """Who reads 5,000 admitted at a rate of 500/s sees why."""
    queue.lines.change(lambda line, t: line.join(t, 1))
    for rate in ("5000", "500"):
        assert run("rate", "set", rate, "--yes").code == 0
    screen = run("queue", "stats").out
    assert "│ rate            500/s, burst 500" in screen
    assert "│ last change     rate: 5,000/s with a burst of 5,000 → 500/s with a burst of 500 │" in screen
    assert " s ago, by user/" in screen
    document = json.loads(run("queue", "stats", "--json").out)["last_change"]
    assert document["before"] == {"rate": 5_000_000, "burst": 5_000, "steps": []}


def test_pause_and_resume(run: Run, deployed: Target, queue: Queue) -> None:
    queue.lines.change(lambda line, t: line.join(t, 1))
    for words, said in (
        ("pause", "✓ Paused: nobody is let in; places are kept."),
        ("pause", "✓ It was paused already."),
        ("resume", "✓ Resumed: the line moves on from where it stopped. The rate is 20/s."),
        ("resume", "✓ It was not paused. The rate is 20/s."),
    ):
        screen = run("queue", words)
        assert (screen.code, screen.out, screen.err) == (0, "", f"Target: {TARGET}\n{said}")
    screen = run("queue", "pause", "--json")
    assert json.loads(screen.out) == {"target": TARGET, "state": "paused", "changed": True}


def test_close_and_open(run: Run, deployed: Target, queue: Queue) -> None:
    queue.lines.change(lambda line, t: line.join(t, 1))
    for words, said, state in (
        ("close", "✓ Closed: nobody new gets a ticket; the line moves on.", "closed"),
        ("close", "✓ It was closed already.", "closed"),
        ("open", "✓ Open: everybody can get a ticket.", "open"),
        ("open", "✓ It was open already.", "open"),
    ):
        screen = run("queue", words)
        assert (screen.code, screen.out, screen.err) == (0, "", f"Target: {TARGET}\n{said}")
        assert queue.lines.read().line_state == state
    assert json.loads(run("queue", "close", "--json").out) == {"target": TARGET, "state": "closed", "changed": True}


def test_a_message(run: Run, deployed: Target, queue: Queue) -> None:
    queue.lines.change(lambda line, t: line.join(t, 1))
    assert run("queue", "message").err == 'There is no message. Set one with `loginq queue message "…"`.'
    said = run("queue", "message", "Wir wärmen [auf]")
    assert (said.code, said.err) == (0, f"Target: {TARGET}\n✓ Waiting players see: Wir wärmen [auf]")
    assert run("queue", "message").out == "Wir wärmen [auf]"
    assert json.loads(run("queue", "message", "--json").out) == {"target": TARGET, "message": "Wir wärmen [auf]"}
    assert run("queue", "message", "--clear").err.endswith("✓ Waiting players see no message.")
    assert run("queue", "message", "--clear").err.endswith("✓ There was no message.")
    for words, says in (
        (("x" * 201,), "The message has 201 bytes: at most 200."),
        (("",), "The message is empty."),
        (("text", "--clear"), "A text and --clear exclude each other."),
    ):
        refused = run("queue", "message", *words)
        assert refused.code == 2
        assert f"Error: {says}" in refused.err


def tickets(queue: Queue, *subs: str) -> None:
    queue.intake.send([Ticket(sub, f"t-{sub}", NOW) for sub in subs])


def test_peek_takes_nothing(run: Run, deployed: Target, queue: Queue) -> None:
    assert (
        run("queue", "peek").err
        == "The intake is empty. Whose ticket is not in line either, sends it again with the next polls."
    )
    tickets(queue, "a", "b")
    for looks in (1, 2):
        shown = json.loads(run("queue", "peek", "--json").out)["items"]
        assert sorted((each["player"], each["received"]) for each in shown) == [("a", looks), ("b", looks)]
    assert queue.intake.depth().visible == 2
    screen = run("queue", "peek", "--limit", "1")
    assert screen.code == 0
    assert re.fullmatch(
        r" sent +age +deliveries +player\n ─+\n \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC +\d+ s +3 +[ab]", screen.out
    )
    assert "t-a" not in screen.out


def test_a_look_makes_no_dead_letter(run: Run, deployed: Target, queue: Queue) -> None:
    """SQS counts it as a delivery, and a message has five."""
    tickets(queue, "a")
    for _ in range(12):
        (seen,) = json.loads(run("queue", "peek", "--limit", "1", "--json").out)["items"]
        assert seen["player"] == "a"
    assert (queue.intake.depth().visible, queue.intake.dead_letters()) == (1, 0)


@pytest.fixture
def dead(queue: Queue) -> Queue:
    """Six dead letters, one of each kind; `needed` still waits for its ticket."""
    t = queue.clock()
    for sub in ("needed", "placed", "other"):
        issuing = queue.players.issuing(Identity(sub, sub), f"t-{sub}", t, None)
        queue.players.update(sub, issuing)
    void = queue.players.issuing(Identity("void", "void"), "t-void", t - 1_000, None)
    queue.players.update("void", void)
    player = queue.players.get("placed")
    assert player is not None
    queue.table.update("USER#placed", "METADATA#placed", write={"queuePosition": 7})
    queue.table.update("USER#other", "METADATA#other", write={"loginTicket": "new"})
    queue.lines.change(Line.void)
    bodies = [Ticket(sub, f"t-{sub}", t).body() for sub in ("needed", "placed", "other", "nobody", "void")]
    for body in [*bodies, "hello"]:
        queue.intake._sqs.send_message(QueueUrl=queue.intake.dead_letter_url, MessageBody=body)
    return queue


WHY = {
    "needed": ("placing failed each time: see `loginq logs process_login_queue --level ERROR`", True),
    "placed": ("placed all the same, at 7", False),
    "other": ("the player has another ticket by now, or none", False),
    "nobody": ("nobody has this ticket: the player's row is gone, or was never there", False),
    "void": ("void: the intake was purged after it was issued", False),
    None: ("not a ticket: nobody but /login should write to the intake", False),
}


def test_why_each_dead_letter_died(dead: Queue) -> None:
    from loginq.service.operations.dead_letters import dead_letters

    found = dead_letters(dead, 20, lambda: None)
    assert {e.letter.ticket.sub if e.letter.ticket else None: (e.why, e.needed) for e in found} == WHY
    assert dead.intake.dead_letters() == 6
    assert "t-needed" not in str([each.document() for each in found])


def test_redrive_puts_tickets_back_and_leaves_the_rest(run: Run, deployed: Target, dead: Queue) -> None:
    screen = run("queue", "redrive")
    assert (screen.code, screen.err) == (
        0,
        f"Target: {TARGET}\n✓ 5 tickets are back in the intake; 1 are no tickets and stay: see `loginq queue dlq`.",
    )
    assert (dead.intake.depth().visible, dead.intake.dead_letters()) == (5, 1)
    again = json.loads(run("queue", "redrive", "--json").out)
    assert again == {"target": TARGET, "put_back": 0, "left": 1}


def test_purge_makes_the_tickets_void(run: Run, deployed: Target, dead: Queue, now: list[int]) -> None:
    from loginq.service.rules.player import State

    now[0] += 1_000
    dead.lines.change(Line.anchored)
    tickets(dead, "needed")
    refused = run("queue", "purge")
    assert (refused.code, "Give --yes" in refused.err) == (2, True)
    done = run("queue", "purge", "--yes")
    assert (done.code, done.err) == (
        0,
        f"Target: {TARGET}\n✓ About 1 tickets in the intake are void; their players ask anew.",
    )
    assert dead.intake.depth().total == 0
    player = dead.players.get("needed")
    assert player is not None
    line = dead.lines.read()
    assert line.void_before > (player.issued_at or 0)
    assert player.state(line) is State.REGISTERED
    gone = json.loads(run("queue", "purge", "--dead-letters", "--yes", "--json").out)
    assert gone == {"target": TARGET, "purged": "dead_letters", "about": 6}
    assert dead.intake.dead_letters() == 0


def test_the_audit_says_who_changed_what(run: Run, deployed: Target, queue: Queue) -> None:
    assert run("queue", "audit").err == "Nobody has changed anything yet."
    queue.lines.change(lambda line, t: line.set_rate(t, 20_000))
    run("rate", "set", "50")
    run("queue", "pause")
    run("queue", "message", "hello")
    newest, *_, oldest = json.loads(run("queue", "audit", "--json").out)["items"]
    assert (newest["what"], newest["before"], newest["after"]) == ("message", None, "hello")
    assert (oldest["what"], oldest["before"]) == ("rate", {"rate": 20_000, "burst": 20, "steps": []})
    assert oldest["who"] == "arn:aws:sts::123456789012:user/moto"
    assert oldest["at"].endswith("Z")
    assert len(json.loads(run("queue", "audit", "--limit", "2", "--json").out)["items"]) == 2
    screen = run("queue", "audit").out.splitlines()
    assert screen[0].split() == ["when", "who", "what", "from", "to"]
    assert screen[2].split()[3:] == ["user/moto", "message", "–", "hello"]  # noqa: RUF001


def test_a_second_purge_within_the_minute(run: Run, deployed: Target, queue: Queue) -> None:
    """SQS purges once a minute; what is left is void, and placing drops it."""
    queue.lines.change(lambda line, t: line.join(t, 1))
    for _ in range(2):
        tickets(queue, "a")
        assert run("queue", "purge", "--yes").code == 0
    audited = [each["what"] for each in json.loads(run("queue", "audit", "--json").out)["items"]]
    assert audited == ["purge", "purge"]


class Sqs:
    """SQS that takes only some of a batch, and shows what was put back again and again."""

    def __init__(self, bodies: list[str]) -> None:
        self.dead = {str(n): body for n, body in enumerate(bodies)}
        self.sent: list[str] = []

    def get_queue_attributes(self, QueueUrl: str, AttributeNames: list[str]) -> dict[str, object]:  # noqa: N803
        policy = json.dumps({"deadLetterTargetArn": "arn:dead", "maxReceiveCount": 5})
        return {"Attributes": {"RedrivePolicy": policy, "ApproximateNumberOfMessages": str(len(self.dead))}}

    def get_queue_url(self, QueueName: str) -> dict[str, str]:  # noqa: N803
        return {"QueueUrl": QueueName}

    def receive_message(self, **_: object) -> dict[str, object]:
        attributes = {"SentTimestamp": "0", "ApproximateReceiveCount": "1"}
        messages = [
            {"MessageId": n, "Body": body, "ReceiptHandle": n, "Attributes": attributes}
            for n, body in self.dead.items()
        ]
        return {"Messages": messages[:10]}

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, str]]) -> dict[str, object]:  # noqa: N803
        taken = Entries[::2]
        self.sent += [entry["MessageBody"] for entry in taken]
        return {"Successful": taken, "Failed": Entries[1::2]}

    def delete_message_batch(self, QueueUrl: str, Entries: list[dict[str, str]]) -> None:  # noqa: N803
        for entry in Entries:
            del self.dead[entry["ReceiptHandle"]]

    def change_message_visibility_batch(self, **_: object) -> None: ...


def test_redrive_counts_what_was_really_sent() -> None:
    sqs = Sqs([*(Ticket(f"p{n}", "t", NOW).body() for n in range(6)), "junk", "junk"])
    moved = list(Intake(sqs, "intake").redrive())
    assert (sum(sent for sent, _ in moved), sum(left for _, left in moved)) == (3, 5)
    assert (len(sqs.sent), len(sqs.dead)) == (3, 5)
