"""A stack with a public line, proved from outside, and without it again."""

from pathlib import Path

import pytest

from loginq.doctor import edge
from loginq.doctor.checks import Patient, Verdict
from tests.e2e.conftest import Stack
from tests.e2e.test_live import proof, wrong

pytestmark = pytest.mark.drills
PARAMETERS = {"PublicLine": "true"}


def test_a_public_line_is_proved_with_all_else(here: Stack, tmp_path: Path) -> None:
    code, document, said = proof(tmp_path)
    assert (code, document["proved"], wrong(document)) == (0, True, []), said
    (step,) = [each for each in document["steps"] if each["step"] == "public line"]
    assert step["result"] == "ok" and "shows the pause" in step["says"]
    (found,) = edge.examine(Patient(here.target, here.aws, here.queue, here.deployment.stack))
    assert found.verdict is Verdict.OK, found
