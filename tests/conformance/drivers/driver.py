"""Plays the Python client to the scripted server: `driver.py BASE`, beside `loginq_client.py`."""

import importlib
import sys
from typing import Any
from urllib.request import Request, urlopen

BASE = sys.argv[1]
loginq = importlib.import_module("loginq_client")  # not of this tree


class SignedOut(Exception):
    pass


def tell(what: str, text: str) -> str:
    with urlopen(Request(f"{BASE}/__{what}", data=text.encode(), method="POST")) as answer:  # noqa: S310 - loopback
        reply: str = answer.read().decode()
    return reply


class Player:
    def __init__(self, url: str, timeout: float) -> None:
        self.slept = 0.0
        self.client = loginq.QueueClient(
            url, self.token, sleep=self.sleep, ticks=lambda: self.slept * 1000, timeout=timeout
        )

    def token(self, force: bool) -> str:
        reply = tell("token", str(force).lower())
        if reply == "!":
            raise SignedOut
        if reply == "?":
            raise loginq.Trouble("the provider is away")
        return reply

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        if tell("sleep", f"{seconds:.6f}") == "cancel":
            self.client.cancel()

    def show(self, now: Any) -> None:
        names = ("state", "line_state", "position", "ahead", "eta_seconds", "eta_basis", "pause", "code")
        lines = [f"{name}={value}" for name in names if (value := getattr(now, name)) not in (None, "")]
        lines += ["trouble=1"] if now.trouble else []
        if tell("show", "\n".join([*lines, f"message={now.message}"])) == "cancel":
            self.client.cancel()

    def play(self, act: str) -> str:
        try:
            if act == "leave":
                self.client.leave()
                return "left"
            return f"admitted {self.client.enter(self.show).admission_token}"
        except loginq.Refused as refusal:
            return f"refused {refusal.code}"
        except loginq.Cancelled:
            return "cancelled"
        except loginq.Trouble:
            return "trouble"
        except SignedOut:
            return "signed out"
        except Exception as exc:  # noqa: BLE001 - that is what is to be seen
            return f"crashed {exc!r}"


while told := tell("next", ""):
    url, timeout, act = told.splitlines()
    acts = ["enter", "enter"] if act == "again" else [act]
    tell("end", " ".join(Player(url, float(timeout)).play(each) for each in acts))
