"""The API's own answers, before any function: who is let through, what a browser is told, how much is too much."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from loginq.client import published_keys
from loginq.doctor.live.trial import NotAsked, Trial
from loginq.service.rules.errors import Failed
from loginq.service.store.aws import Aws

_JWKS, _SESSIONS = "/.well-known/jwks.json", "/sessions"
_AT_ONCE, _MOST = 8, 800
"""Calls that are under way together, so few that their refusals are no trouble of the front door, and after how many
without a refusal there is none to come."""
_VERBS = {"/login": {"GET", "DELETE"}, "/login/status": {"GET"}}
_ANY_PAGE = "https://game.example"
_NOBODY = {"aws_access_key_id": "NOBODYNOBODYNOBODYNO", "aws_secret_access_key": "x" * 40}


def throttle(trial: Trial) -> str:
    """The stage lets through what was deployed, and has a bound of its own for the key set, which anybody may ask."""
    given = trial.patient.parameters()
    deployed = (float(given["RequestsPerSecond"]), float(given["RequestsBurst"]))
    there = _bound(trial, "*/*") if any(deployed) else _found(trial, "*/*")
    if there is not None and (there != deployed or not any(deployed)):  # 0 was deployed for no bound, not for nobody
        were = f"{_words(*deployed)} were deployed" if any(deployed) else "no bound was deployed"
        raise Failed(f"The stage lets {_words(*there)} through, and {were}.")
    own = "as much as the account's quota" if there is None else _words(*there)
    return f"{own}; {_words(*_bound(trial, 'jwks.json/GET'))} of the key set"


def too_many(trial: Trial) -> str:
    """More of the key set than its bound is told to wait, in our words."""
    if trial.patient.is_local:
        raise NotAsked("an emulator answers more slowly than its throttle counts")
    rate, burst = _bound(trial, "jwks.json/GET")
    began, sent = trial.monotonic(), 0
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        while sent < _MOST:
            answers = list(pool.map(lambda _: trial.call_itself("GET", _JWKS), range(_AT_ONCE)))
            sent += _AT_ONCE
            if refused := next((each for each in answers if each.status_code == 429), None):
                _check_refusal(refused, 429, "too_many_requests", trial)
                if "Retry-After" not in refused.headers:
                    raise Failed("A refusal for too many calls has no Retry-After.")
                return f"429 after {sent} calls, with Retry-After"
    seconds = trial.monotonic() - began
    if sent < 2 * (burst + rate * seconds):
        raise NotAsked(f"this machine asks only {sent / seconds:.0f} times a second")
    raise Failed(f"{sent} calls in {seconds:.0f} s were all let through, and {_words(rate, burst)} are the bound.")


def cors(trial: Trial) -> str:
    """A browser's question beforehand, and a refusal that its page can read."""
    allowed = trial.patient.parameters()["CorsOrigin"]
    page = _ANY_PAGE if allowed == "*" else allowed
    for path, verbs in _VERBS.items():
        asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
        answer = trial.call("OPTIONS", path, headers={"Origin": page, **asked})
        said = {
            name: answer.headers.get(f"Access-Control-Allow-{name}", "") for name in ("Origin", "Headers", "Methods")
        }
        known = {name: {each.strip().lower() for each in value.split(",")} for name, value in said.items()}
        if not answer.ok or said["Origin"] != allowed:
            raise Failed(
                f"OPTIONS {path} answers {answer.status_code} for {said['Origin'] or 'no origin'}, not {allowed}."
            )
        if "authorization" not in known["Headers"] or not {verb.lower() for verb in verbs} <= known["Methods"]:
            raise Failed(
                f"OPTIONS {path} allows {said['Methods'] or 'no method'} with {said['Headers'] or 'no header'}."
            )
    refused = trial.call("GET", "/login", headers={"Origin": page})
    if refused.headers.get("Access-Control-Allow-Origin") != allowed:
        raise Failed("A page cannot read a refusal: it has no Access-Control-Allow-Origin.")
    return f"pages of {'any origin' if allowed == '*' else allowed} may call"


def strangers(trial: Trial) -> str:
    """Nobody gets through without an ID token, and no game server without a signature."""
    for headers in ({}, {"Authorization": "Bearer nonsense"}):
        _check_refusal(trial.call("GET", "/login", headers=headers), 401, "unauthorized", trial)
    _check_refusal(trial.call_itself("POST", _SESSIONS, json={"events": []}), 403, "forbidden", trial)
    if not trial.patient.is_local and not enforces_iam(trial):
        raise Failed("POST /sessions lets a signature through that nobody can have made.")
    return "401 without an ID token, 403 without a signature"


def keys(trial: Trial) -> str:
    """The key set has the key that signs."""
    published = [key.get("kid") for key in trial.patiently(lambda: published_keys(trial.api.url))["keys"]]
    kid = trial.patient.queue.lines.read().kid
    if kid not in published:
        raise Failed("The key that signs is not among those that are published.", "Run `loginq deploy`.")
    return f"{len(published)} published, the one that signs among them"


def reported(trial: Trial, events: list[dict[str, Any]]) -> list[str]:
    """What the API makes of a game server's report, signed as whoever is asking."""
    answer = _signed(trial, trial.patient.aws, events)
    if answer.status_code in (401, 403):  # 401 where the authorizer of players denies by the same gateway response
        arn = trial.patient.stack.outputs()["GameServerPolicyArn"]
        raise Failed("Your own credentials may not report sessions.", f"Attach {arn} to your role.")
    if answer.status_code != 200:
        raise Failed(f"POST /sessions answers {answer.status_code}.")
    return list(answer.json()["results"])


def enforces_iam(trial: Trial) -> bool:
    """Whether somebody checks signatures, and thereby roles: an emulator does so only where that was asked of it."""
    patient = trial.patient
    forger = Aws(patient.target.region, patient.aws.endpoint_url, _NOBODY)
    return bool(_signed(trial, forger, []).status_code in (401, 403))


def _signed(trial: Trial, who: Aws, events: list[dict[str, Any]]) -> Any:
    body = json.dumps({"events": events}).encode()
    headers = who.signed("POST", trial.api.own_url + _SESSIONS, body, trial.patient.target.region)
    return trial.call_itself("POST", _SESSIONS, data=body, headers=headers)


def _check_refusal(answer: Any, status: int, code: str, trial: Trial) -> None:
    try:
        said = answer.json()["error"]["code"]
    except (ValueError, KeyError, TypeError):
        said = "something else than our error"
    if (answer.status_code, said) != (status, code):
        path = answer.request.url.removeprefix(trial.api.url).removeprefix(trial.api.own_url)
        call = f"{answer.request.method} {path}"
        raise Failed(f"{call} answers {answer.status_code} ({said}), not {status} ({code}).")


def _bound(trial: Trial, method: str) -> tuple[float, float]:
    """What the stage lets through of this method, a second and at once. Raises `Failed` where it has no bound."""
    found = _found(trial, method)
    if found is None:
        raise Failed(f"The stage has no bound for {method}.")
    return found


def _found(trial: Trial, method: str) -> tuple[float, float] | None:
    patient = trial.patient
    stage = patient.aws.client("apigateway").get_stage(
        restApiId=patient.resource("Api"), stageName=patient.resource("Stage")
    )
    for name, setting in stage.get("methodSettings", {}).items():
        if name.endswith(method):
            return float(setting["throttlingRateLimit"]), float(setting["throttlingBurstLimit"])
    return None


def _words(rate: float, burst: float) -> str:
    return f"{rate:,.0f}/s and {burst:,.0f} at once"
