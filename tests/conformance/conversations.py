"""What a client may meet, and what it then has to do: one row of steps each. Every client file plays all of them."""

import json
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any

from tests.conformance.server import Ask, Conversation, End, Looks, Show, Sleep, Step, Talk, Token

TICKET = "b2a1c0de-6f5e-4d3c-8b7a-001122334455"
STATUS = f"/login/status?login_ticket={TICKET}"
ONE = "one"
PORTAL = "<!doctype html><title>Welcome to the hotel</title><p>Please accept our terms."
STANDING: dict[str, Any] = {
    "state": "waiting",
    "line_state": "open",
    "position": 812,
    "ahead": 640,
    "eta_seconds": 32,
    "eta_basis": "rate",
    "poll_after_seconds": 14.2,
}
"""As a real stack answered to a player in the middle of a crowd."""
ADMITTED = {**STANDING, "state": "admitted", "ahead": 0, "eta_seconds": 0, "poll_after_seconds": 30.0}
LINE: dict[str, Any] = {
    "at": 0,
    "line_state": "open",
    "reached": 171,
    "tail": 4000,
    "curve": [[0, 171], [100, 2171], [191.5, 4000]],
    "rate_per_second": 20.0,
    "longest_poll_seconds": 60.0,
    "call_status": 0,
    "message": "",
    "version": 7,
}


# ---- The words of the rows -------------------------------------------------------------------------------------------

FIRST = Token(False, "one")
RENEWED = Token(True, "two")
BACK_OFF = [Sleep(0.5, 1), Sleep(1, 2), Sleep(2, 4), Sleep(4, 8), Sleep(8, 16), Sleep(15, 30), Sleep(15, 30)]


def login(token: str = ONE, **fields: Any) -> Ask:
    return Ask("GET", "/login", token, body={"ticket": TICKET, "sqs_length": 3829, **STANDING, **fields})


def status(token: str = ONE, path: str = STATUS, **fields: Any) -> Ask:
    return Ask("GET", path, token, body={"login_ticket": TICKET, "login_status": False, **STANDING, **fields})


def let_in(token: str = ONE, path: str = STATUS, admission: str | None = "eyJ.admission.x") -> Ask:
    said = {"login_ticket": TICKET, "login_status": True, **ADMITTED}
    return Ask("GET", path, token, body={**said, **({"admission_token": admission} if admission else {})})


def refused(
    code: int, error: str = "", path: str = "/login", token: str = ONE, method: str = "GET", **headers: str
) -> Ask:
    """An error of the API's; without `error` a page of somebody else's."""
    body = json.dumps({"error": {"code": error, "message": f"It says {error}."}}) if error else PORTAL
    return Ask(method, path, token, code, body, {name.replace("_", "-"): value for name, value in headers.items()})


def odd(body: Any = "", path: str = "/login", code: int = 200, fault: str = "", **headers: str) -> Ask:
    """An answer that is none of ours."""
    return Ask("GET", path, "one", code, body, headers, fault)


def line(**fields: Any) -> Ask:
    """A look at the public line, which brings no token."""
    headers = {"Age": str(fields.pop("age", 0)), "Cache-Control": "public, max-age=1"}
    late = fields.pop("late", 0)

    def body(talk: Talk) -> Mapping[str, Any]:
        return {**LINE, "at": int((talk.now - late) * 1000), **fields}

    return Ask("GET", "/line", None, 200, body, headers)


def by_line(make: Any = login, host: str = "127.0.0.1", **fields: Any) -> Ask:
    """`/login` or status of a stack that has a public line."""
    made: Ask = make(**fields)
    bodied = made.body
    assert isinstance(bodied, dict)

    def body(talk: Talk) -> Mapping[str, Any]:
        return {**bodied, "line_url": f"{talk.url}/line".replace("127.0.0.1", host)}

    return Ask(made.method, made.path, made.token, body=body)


def pause(seconds: float = 14.2, reply: str = "ok") -> Sleep:
    """Exactly as told."""
    return Sleep(seconds - 0.001, seconds + 0.001, reply)


def show(**fields: str | int | float | None) -> Show:
    return Show({name: None if value is None else str(value) for name, value in fields.items()})


def trouble(**fields: str | int | None) -> Show:
    return show(trouble=1, **fields)


IN = End("admitted eyJ.admission.x")


def after(*steps: Step, name: str, **how: Any) -> Conversation:
    """What begins with a first token, and goes well in the end."""
    return Conversation(name, (FIRST, *steps, let_in(), IN), **how)


def passes(name: str, *amiss: Ask, pauses: tuple[Sleep, ...] = ()) -> Conversation:
    """Trouble that is waited out, told to the studio each time, first at `/login`."""
    rows: list[Step] = [FIRST]
    for ask, slept in zip(amiss, pauses or BACK_OFF, strict=False):
        rows += [ask, trouble(), slept]
    return Conversation(name, (*rows, login(), pause(), let_in(), IN))


def _dated(seconds: int) -> Any:
    return lambda talk: formatdate(talk.now + seconds, usegmt=True)


# ---- The rows --------------------------------------------------------------------------------------------------------

WAITING = (
    after(login(), pause(), name="the first poll lets in"),
    after(
        login(),
        show(state="waiting", line_state="open", position=812, ahead=640, eta_seconds=32, eta_basis="rate", pause=14.2),
        pause(),
        status(ahead=200, eta_seconds=10, poll_after_seconds=4.75),
        show(ahead=200, eta_seconds=10, pause=4.75, position=812, trouble=None, code=None),
        pause(4.75),
        status(ahead=0, eta_seconds=0, poll_after_seconds=1),
        pause(1),
        name="waits as told, three times",
    ),
    Conversation("let in by /login itself", (FIRST, login(admission_token="eyJ.back.x"), End("admitted eyJ.back.x"))),
    Conversation("let in without a token", (FIRST, login(), pause(), let_in(admission=None), End("admitted"))),
    Conversation(
        "one who was let in needs no time to ask again",
        (
            FIRST,
            login(),
            pause(),
            Ask("GET", STATUS, body={"login_status": True, "admission_token": "eyJ.admission.x"}),
            IN,
        ),
    ),
    after(
        login(state="queued", position=None, ahead=None, eta_seconds=None, eta_basis=None, poll_after_seconds=1.5),
        show(state="queued", position=None, ahead=None, eta_seconds=None, eta_basis=None, pause=1.5),
        pause(1.5),
        status(),
        pause(),
        name="not in line yet",
    ),
    after(
        login(position=None, ahead=None, eta_seconds=None, poll_after_seconds=3),
        show(state="waiting", position=None),
        pause(3),
        name="who comes back has no position",
    ),
    after(
        login(line_state="paused", eta_seconds=None, message="Patching. Back at 20:00."),
        show(line_state="paused", eta_seconds=None),
        pause(),
        status(line_state="paused", eta_seconds=None, message='"Soon" \\ soon\nvery ☂ 🎮'),
        show(line_state="paused", eta_seconds=None, message='"Soon" \\ soon\nvery ☂ 🎮'),
        pause(),
        status(line_state="open"),
        show(line_state="open", message=None),
        pause(),
        name="a pause with a message, which goes",
    ),
    after(
        Ask(
            "GET",
            "/login",
            body='{"ticket":"' + TICKET + '","state":"waiting","poll_after_seconds":2.5e0,'
            '"message":"\\u00e9\\ud83c\\udfae\\/\\t\\"","ahead":1.2E1,"position":13}',
        ),
        show(message='é🎮/\t"', ahead=12, position=13, pause=2.5),
        pause(2.5),
        name="escapes and exponents",
    ),
    after(login(line_state="closed"), show(line_state="closed", trouble=None), pause(), name="closed to new ones only"),
    Conversation(
        "a ticket of other letters",
        (
            FIRST,
            login(ticket="a/b c&d=é+%"),
            pause(),
            let_in(path="/login/status?login_ticket=a%2Fb%20c%26d%3D%C3%A9%2B%25"),
            IN,
        ),
    ),
    Conversation(
        "a ticket with half a letter",
        (FIRST, login(ticket="a\ud800"), pause(), let_in(path="/login/status?login_ticket=a*"), IN),
    ),
    after(login(), pause(), name="an address with a slash at its end", slash="/"),
)

TROUBLE = (
    passes("backs off, up to 30 s", *[refused(503, "unavailable")] * 7),
    after(
        refused(500, "internal"),
        Sleep(0.5, 1),
        refused(502),
        Sleep(1, 2),
        login(),
        pause(),
        refused(504, path=STATUS),
        trouble(state="waiting", position=812, ahead=640),
        Sleep(0.5, 1),
        status(),
        show(trouble=None, code=None),
        pause(),
        name="begins anew after a good answer",
    ),
    passes("Retry-After in seconds", refused(429, "too_many_requests", Retry_After="17"), pauses=(pause(17),)),
    passes(
        "Retry-After as a date",
        Ask(
            "GET",
            "/login",
            "one",
            503,
            PORTAL,
            {"Retry-After": "Fri, 27 Nov 2026 10:00:42 GMT", "Date": "Fri, 27 Nov 2026 10:00:00 GMT"},
        ),
        pauses=(pause(42),),
    ),
    passes(
        "Retry-After as a date of another century",
        Ask(
            "GET",
            "/login",
            "one",
            503,
            PORTAL,
            {"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT", "Date": "Sun, 06 Nov 1994 08:49:00 GMT"},
        ),
        pauses=(pause(37),),
    ),
    passes("Retry-After in the past", refused(503, "unavailable", Retry_After="Fri, 27 Nov 2020 10:00:42 GMT")),
    passes(
        "Retry-After as a date without a Date",
        refused(503, "unavailable", Retry_After="Fri, 27 Nov 2099 10:00:42 GMT", Date=""),
    ),
    passes("Retry-After below the back-off", *[refused(503, "unavailable", Retry_After="0")] * 3),
    passes(
        "Retry-After that is no time",
        *[refused(503, "unavailable", Retry_After=said) for said in ("soon", "-5", "1.5", "")],
    ),
    passes(
        "Retry-After of a year",
        refused(503, "unavailable", Retry_After="31536000"),
        refused(503, "unavailable", Retry_After="9" * 15),
        refused(503, "unavailable", Retry_After="Fri, 27 Nov 2999 10:00:42 GMT"),
        pauses=(pause(3600),) * 3,
    ),
    passes("Retry-After of a page of somebody else's", refused(503, Retry_After="20"), pauses=(pause(20),)),
    after(
        refused(503, "queue_closed", Retry_After="45"),
        trouble(line_state="closed", code="queue_closed", pause=45),
        pause(45),
        refused(503, "queue_closed", Retry_After="60"),
        trouble(line_state="closed"),
        pause(60),
        login(),
        show(line_state="open", trouble=None, code=None),
        pause(),
        name="closed, then open",
    ),
    passes("too many from one network", refused(403, "bad_request")),
    passes("a captive portal", odd(PORTAL), refused(403), refused(404)),
    after(
        login(),
        pause(),
        refused(404, path=STATUS),
        trouble(position=812),
        Sleep(0.5, 1),
        name="a portal keeps the ticket",
    ),
    passes("no answer", odd(fault="nothing"), odd(fault="nothing")),
    passes("half an answer", odd(json.dumps({"ticket": TICKET, **STANDING}), fault="cut")),
    passes("0 bytes", odd(b""), odd(b" ")),
    passes("no answer in time", odd(fault="hang")),
    passes("an answer without an end", odd(fault="drip")),
    passes(
        "JSON of somebody else's",
        *map(odd, ("[]", "null", '"in"', "7", "{}", '{"ticket": 5, "poll_after_seconds": 1}')),
    ),
    passes(
        "broken JSON",
        *map(
            odd,
            (
                '{"ticket": "a", "poll_after_seconds": 1',
                "{'ticket': 1}",
                '{"ticket": "\\ud8',
                b'{"ticket": "\xff\xfe", "poll_after_seconds": 1}',
                "nul",
            ),
        ),
    ),
    passes("JSON and more", odd(json.dumps({"ticket": TICKET, **STANDING}) + "<script>")),
    passes(
        "fields of another type",
        odd({"ticket": TICKET, **STANDING, "poll_after_seconds": "4"}),
        odd({"ticket": TICKET, **STANDING, "poll_after_seconds": None}),
        odd({"ticket": TICKET, "poll_after_seconds": True}),
        odd({"ticket": None, **STANDING}),
    ),
    after(
        login(),
        pause(),
        odd({"login_status": "true", **STANDING}, STATUS),
        trouble(position=812),
        Sleep(0.5, 1),
        odd({"login_status": 1, **STANDING}, STATUS),
        trouble(),
        Sleep(1, 2),
        name="a status of another type",
    ),
    passes("deep JSON", odd("[" * 100_000), odd('{"a":' * 100_000), odd('{"a":' + "[" * 65 + "]" * 65 + "}")),
    passes(
        "redirects",
        *[odd(PORTAL, code=code, Location="/c0/stolen") for code in (301, 302, 303, 307, 308)],
    ),
    passes("a success of another kind", odd({"error": {"code": "accepted"}}, code=202), odd({}, code=206)),
    passes("a redirect with JSON", odd({"ticket": TICKET, **STANDING}, code=302, Location="/c0/stolen")),
)

REFUSALS = (
    Conversation("blocked", (FIRST, refused(403, "blocked"), End("refused blocked"))),
    Conversation(
        "forbidden while waiting",
        (FIRST, login(), pause(), refused(403, "forbidden", STATUS), End("refused forbidden")),
    ),
    Conversation(
        "a client's own mistake",
        (FIRST, login(), pause(), refused(400, "missing_ticket", STATUS), End("refused missing_ticket")),
    ),
    Conversation("an error without a code", (FIRST, odd({"error": {}}, code=404), End("refused http_404"))),
    passes(
        "a domain between two stacks",
        odd({"message": "Forbidden"}, code=403),
        odd({"message": "Not Found"}, code=404),
        odd({"error": "invalid_grant"}, code=400),
    ),
    Conversation("no ticket at /login", (FIRST, refused(404, "unknown_ticket"), End("refused unknown_ticket"))),
    *(
        after(
            login(), pause(), refused(code, word, STATUS), trouble(code=word), login(), pause(), name=f"{code}, {word}"
        )
        for code, word in ((404, "unknown_ticket"), (410, "ticket_expired"))
    ),
    Conversation(
        "another ticket after one that expired",
        (
            FIRST,
            login(ticket="old"),
            pause(),
            refused(410, "ticket_expired", "/login/status?login_ticket=old"),
            login(ticket="newer"),
            show(trouble=None, code=None),
            pause(),
            refused(410, "ticket_expired", "/login/status?login_ticket=newer"),
            login(),
            pause(),
            let_in(),
            IN,
        ),
    ),
)

TOKENS = (
    after(login(), pause(), name="a clock an hour behind", ahead=3600),
    after(login(), pause(), name="a clock an hour ahead", ahead=-3600),
    Conversation(
        "a token that ends is renewed in time, by the server's clock",
        (
            Token(False, "one", minutes=2),
            login(poll_after_seconds=50),
            pause(50),
            status(poll_after_seconds=15),
            pause(15),
            RENEWED,
            let_in("two"),
            IN,
        ),
        ahead=-3600,
    ),
    Conversation(
        "a new token that ends at once is used until it is refused",
        (
            Token(False, "one", minutes=0.5),
            login(),
            pause(),
            Token(True, "two", minutes=0.5),
            status("two"),
            pause(),
            status("two"),
            pause(),
            refused(401, "unauthorized", STATUS, "two"),
            Token(True, "three"),
            let_in("three"),
            IN,
        ),
    ),
    Conversation(
        "a refused token is renewed, and the call made again",
        (FIRST, refused(401, "unauthorized"), RENEWED, login("two"), pause(), let_in("two"), IN),
    ),
    Conversation(
        "a token that is no JWT",
        (
            Token(False, "~one"),
            login("~one"),
            pause(),
            refused(401, "unauthorized", STATUS, "~one"),
            Token(True, "~two"),
            status("~two"),
            pause(),
            let_in("~two"),
            IN,
        ),
    ),
    Conversation(
        "refused twice",
        (
            FIRST,
            login(),
            pause(),
            refused(401, "unauthorized", STATUS),
            RENEWED,
            refused(401, "unauthorized", STATUS, "two"),
            End("refused unauthorized"),
        ),
    ),
    Conversation(
        "a portal that asks who is there",
        (
            FIRST,
            refused(401),
            RENEWED,
            refused(401, token="two"),
            trouble(),
            Sleep(0.5, 1),
            login("two"),
            pause(),
            let_in("two"),
            IN,
        ),
    ),
    Conversation(
        "trouble after a renewal is waited out",
        (
            FIRST,
            refused(401, "unauthorized"),
            RENEWED,
            refused(503, "unavailable", token="two"),
            Sleep(0.5, 1),
            login("two"),
            pause(),
            let_in("two"),
            IN,
        ),
    ),
    Conversation(
        "a token with a line's end behind it",
        (Token(False, "~one\r\n"), login("~one\r\n"), pause(), let_in("~one\r\n"), IN),
    ),
    Conversation("signed out", (FIRST, refused(401, "unauthorized"), Token(True, "!"), End("signed out"))),
    Conversation("signed out at first", (Token(False, "!"), End("signed out"))),
    Conversation(
        "a provider in trouble",
        (
            Token(False, "?"),
            trouble(),
            Sleep(0.5, 1),
            Token(False, "?"),
            Sleep(1, 2),
            FIRST,
            login(),
            pause(),
            let_in(),
            IN,
        ),
    ),
)

NUMBERS = (
    after(
        login(poll_after_seconds=1e9, position=2**53 - 1, ahead=2**53 + 2, eta_seconds=10**30),
        show(position=2**53 - 1, ahead=None, eta_seconds=None, pause=300),
        pause(300),
        status(poll_after_seconds=-4, position=-3, ahead=-1),
        show(position=None, ahead=None, pause=0.5),
        pause(0.5),
        status(poll_after_seconds=0),
        pause(0.5),
        name="huge, negative, none",
    ),
    passes(
        "numbers beyond all",
        odd('{"ticket": "a", "poll_after_seconds": 1e400}'),
        odd('{"ticket": "a", "poll_after_seconds": NaN}'),
        odd('{"ticket": "a", "poll_after_seconds": -Infinity}'),
    ),
    after(
        Ask(
            "GET",
            "/login",
            body=json.dumps({"ticket": TICKET, **STANDING}).replace("640", "9" * 400).replace("812", "1e999"),
        ),
        show(position=None, ahead=None, pause=14.2),
        pause(),
        name="more digits than a number has",
    ),
    after(
        login(
            state="dreaming",
            line_state="sideways",
            eta_basis="stars",
            of_tomorrow={"a": [1, {"b": None}]},
            news=[[]] * 3,
        ),
        show(state="dreaming", line_state="sideways", eta_basis="stars", position=812),
        pause(),
        status(login_ticket=None, message=7, state=None, line_state=5),
        show(state=None, line_state=None, message=None),
        pause(),
        name="fields and words of tomorrow",
    ),
    after(
        Ask(
            "GET", "/login", body=b"\xef\xbb\xbf \r\n" + json.dumps({"ticket": TICKET, **STANDING}).encode() + b"\n\t "
        ),
        pause(),
        name="a byte order mark, and blanks",
    ),
    after(
        Ask(
            "GET",
            "/login",
            body=json.dumps({"ticket": TICKET, "ticket ": 1, **STANDING, "deep": json.loads("[" * 40 + "]" * 40)}),
        ),
        pause(),
        name="deep, and yet ours",
    ),
)

STOPPED = (
    Conversation("cancelled while waiting", (FIRST, login(), pause(reply="cancel"), End("cancelled"))),
    Conversation(
        "cancelled in trouble", (FIRST, refused(503, "unavailable"), Sleep(0.5, 1, "cancel"), End("cancelled"))
    ),
    Conversation(
        "cancelled, and begun again at once",
        (FIRST, login(), pause(reply="cancel"), FIRST, login(), pause(), let_in(), End(f"cancelled {IN.said}")),
        act="again",
    ),
    Conversation("cancelled when it is shown", (FIRST, login(), Show({"position": "812"}, "cancel"), End("cancelled"))),
    Conversation(
        "cancelled at the public line", (FIRST, by_line(), pause(), line(), Sleep(1, 60, "cancel"), End("cancelled"))
    ),
    Conversation(
        "gives the place up", (FIRST, Ask("DELETE", "/login", body={"state": "registered"}), End("left")), act="leave"
    ),
    Conversation(
        "gives up what is gone", (FIRST, refused(404, "unknown_ticket", method="DELETE"), End("left")), act="leave"
    ),
    Conversation(
        "gives up as soon as it can",
        (
            FIRST,
            refused(503, "unavailable", method="DELETE", Retry_After="3"),
            pause(3),
            Ask("DELETE", "/login", body={}),
            End("left"),
        ),
        act="leave",
    ),
    Conversation(
        "gives up with a new token",
        (
            FIRST,
            refused(401, "unauthorized", method="DELETE"),
            RENEWED,
            Ask("DELETE", "/login", "two", body={}),
            End("left"),
        ),
        act="leave",
    ),
    Conversation(
        "gives up trying to give up",
        (
            FIRST,
            refused(503, "unavailable", method="DELETE"),
            Sleep(0.5, 1),
            refused(503, "unavailable", method="DELETE"),
            Sleep(1, 2),
            refused(503, "unavailable", method="DELETE"),
            End("trouble"),
        ),
        act="leave",
    ),
)

PUBLIC_LINE = (
    after(
        by_line(),
        show(ahead=640),
        pause(),
        line(),
        show(ahead=640, eta_seconds=32, line_state="open", position=812, state="waiting"),
        Sleep(12.8, 16.03),
        line(reached=491, curve=[[0, 491], [100, 2491], [175.5, 4000]]),
        show(ahead=320, eta_seconds=16),
        Sleep(6.4, 8.03),
        line(reached=751, curve=[[0, 751], [100, 2751]]),
        show(ahead=60, eta_seconds=3),
        Sleep(3.05, 3.56),
        name="looks at the public line, and asks at its turn",
    ),
    after(
        by_line(), pause(), line(reached=900, curve=[[0, 900], [155, 4000]]), Sleep(0, 0.5), name="its turn has come"
    ),
    after(by_line(), pause(), line(call_status=1), name="a sign of life is wanted"),
    after(by_line(), pause(), line(age=11), name="a look that a cache has kept too long"),
    after(by_line(), pause(), line(), Sleep(12.8, 16.03), line(late=11), name="a line that stands still"),
    after(
        by_line(),
        pause(),
        line(age=999999),
        by_line(status),
        pause(),
        line(),
        Sleep(12.8, 16.03),
        line(call_status=1),
        name="a cache that lies about its age",
    ),
    after(
        by_line(),
        pause(),
        line(line_state="paused", message="Patching."),
        show(line_state="paused", eta_seconds=None, message="Patching."),
        Sleep(12.8, 16.03),
        line(call_status=1),
        name="a pause, seen at the public line",
    ),
    after(
        by_line(),
        pause(),
        line(curve=[], rate_per_second=0),
        show(eta_seconds=None),
        Sleep(48, 60),
        line(call_status=1),
        name="nobody knows how long",
    ),
    after(
        by_line(),
        pause(),
        line(tail=700, curve=[[0, 171], [26.45, 700]]),
        Sleep(4, 21.2),
        line(call_status=1),
        name="placed after the look",
    ),
    after(
        by_line(),
        pause(),
        line(curve=[[50, 171], [50, 2171], [191.5, 4000]]),
        show(ahead=640, eta_seconds=50),
        Sleep(17.6, 22.03),
        line(call_status=1),
        name="many are reached at once, and nobody until then",
    ),
    after(
        by_line(),
        pause(),
        line(longest_poll_seconds=1e9, curve=[], rate_per_second=0),
        Sleep(48, 60),
        line(call_status=1),
        name="a longest pause beyond all",
    ),
    after(
        by_line(),
        pause(),
        Ask("GET", "/line", None, 503, '{"error": {"code": "unavailable", "message": ""}}'),
        name="the line is down",
    ),
    after(by_line(), pause(), Ask("GET", "/line", None, fault="nothing"), name="the line does not answer"),
    after(by_line(), pause(), Ask("GET", "/line", None, 200, PORTAL), name="a portal instead of the line"),
    after(
        by_line(),
        pause(),
        Ask("GET", "/line", None, 302, "{}", {"Location": "/c0/stolen"}),
        name="the line is elsewhere",
    ),
    after(by_line(), pause(), line(at="yesterday"), name="a line without an instant"),
    after(by_line(), pause(), line(curve=[[0, 171], [50, 100]]), name="a curve that falls"),
    after(by_line(), pause(), line(curve=[[0, 171], ["x", 300]]), name="a curve of words"),
    after(by_line(), pause(), line(curve=[[50, 171], [10, 300]]), name="a curve that goes back in time"),
    after(by_line(host="0.0.0.0"), pause(), name="no look where others may read along"),  # noqa: S104 - no binding
    after(
        login(line_url="http://127.0.0.1@game.example/line"),
        pause(),
        name="no look at what only looks like this machine",
    ),
    after(login(line_url="file:///etc/passwd"), pause(), name="no look at a file"),
    after(login(line_url="https://["), pause(), name="no look at what is no address"),
    after(login(line_url="https://127.0.0.1:1/\u00fc"), pause(), name="no look at an address of other letters"),
    after(
        by_line(state="queued", position=None),
        pause(),
        by_line(status),
        pause(),
        line(call_status=1),
        name="no look without a position",
    ),
    after(
        by_line(),
        pause(),
        Looks(line(curve=[[0, 171], [9000, 4000]]), Sleep(48, 60), 480, 661),
        name="asks now and then all the same",
    ),
)

CONVERSATIONS = WAITING + TROUBLE + REFUSALS + TOKENS + NUMBERS + STOPPED + PUBLIC_LINE
