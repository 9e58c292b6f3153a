"""The Python of the guide, run as it stands there: against a user pool of moto, and an API on this machine."""

import re
import time
from typing import Any

import pytest

from loginq.service.operations.accounts import Users
from loginq.service.operations.target import Target
from loginq.service.rules.times import SECOND, iso
from loginq.service.store.signing import mint, new_keys
from tests.documents import GUIDE
from tests.serving import Reply, serving

PAGES = [page.read_text(encoding="utf-8") for page in sorted(GUIDE.glob("*.md"))]
BLOCKS = [block for text in PAGES for block in re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)]
PLAYER, GAME_SERVER, REPORTER, KEYED = BLOCKS
PASSWORD = "Correct-Horse-7-Battery"
KEYS = new_keys(0)


def snippet(text: str, url: str) -> dict[str, Any]:
    """What the snippet defines, its example of an API replaced by this one."""
    names: dict[str, Any] = {}
    exec(re.sub(r"https://abc123\.[^\"]+", url, text), names)  # noqa: S102 - that it runs is what is tested
    return names


@pytest.mark.parametrize("slow", [0, 3])
def test_a_game_server_lets_in_who_was_let_in_this_second(slow: int) -> None:
    """`slow`: how far the game server's clock is behind that of the API, s."""
    import jwt

    with serving(lambda method, path: Reply(KEYS.jwks())) as api:
        player_of = snippet(GAME_SERVER, api.url)["player_of"]
        given = {"issuer": api.url, "sub": "ada", "ticket": "t", "position": 7, "admission": 300 * SECOND}
        now = (int(time.time()) + slow) * SECOND
        assert player_of(mint(KEYS.active, admitted_at=now, **given)) == "ada"  # type: ignore[arg-type]
        for wrong in (
            mint(KEYS.active, admitted_at=now - 3_600 * SECOND, **given),  # type: ignore[arg-type]
            mint(KEYS.active, admitted_at=now, **{**given, "issuer": "https://other/v1"}),  # type: ignore[arg-type]
            mint({**new_keys(0).active, "kid": KEYS.active["kid"]}, admitted_at=now, **given),  # type: ignore[arg-type]
        ):
            with pytest.raises(jwt.PyJWTError):
                player_of(wrong)


def test_the_client_in_ten_lines(target: Target, users: Users, monkeypatch: pytest.MonkeyPatch) -> None:
    users.create("ada", "ada@example.com", PASSWORD)
    waits = {"login_status": False, "poll_after_seconds": 0}
    answers = [{"ticket": "t1"}, waits, waits, {"login_status": True}]
    with serving(lambda method, path: Reply(answers.pop(0))) as api:
        for name, value in {**target.names(), "AWSOMEGAME_REST_ENDPOINT": api.url, "PASSWORD": PASSWORD}.items():
            monkeypatch.setenv(name, value)
        assert snippet(PLAYER, api.url)["now"] == {"login_status": True}
    assert [path for _, path, _ in api.asked] == ["/login", *["/login/status?login_ticket=t1"] * 3]
    assert all(headers["Authorization"].startswith("Bearer eyJ") for _, _, headers in api.asked)


def test_a_report_is_signed_and_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with serving(lambda method, path: Reply({"results": ["counted"]})) as api:
        report = snippet(REPORTER, api.url)["report"]
        event = {"player": "ada", "admission": "t", "event": "left", "at": iso(0)}
        for body in ({"events": [event]}, {"server": "eu-1", "in_game": 18_442}):
            assert report(body) == ["counted"]
    (method, path, headers), _ = api.asked
    assert (method, path) == ("POST", "/sessions")
    signed = "Credential=AKIDEXAMPLE/[0-9]{8}/ap-northeast-2/execute-api/aws4_request, SignedHeaders=.*host;x-amz-date"
    assert re.match(f"AWS4-HMAC-SHA256 {signed}, Signature=[0-9a-f]{{64}}$", headers["Authorization"])
