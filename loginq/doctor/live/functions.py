"""The stack and its functions: at rest, each under a role of its own, and settled once."""

import json

from loginq.deploy.states import How
from loginq.doctor.live.api import enforces_iam
from loginq.doctor.live.trial import NotAsked, Trial
from loginq.service.rules.errors import Failed

_FUNCTION = "AWS::Lambda::Function"


def stable(trial: Trial) -> str:
    """Nobody changes the stack: an alarm that is rung would take a deploy back."""
    stack = trial.patient.stack
    found = stack.describe()
    if found is None:
        raise Failed(f"There is no stack {stack.name!r}.", "Run `loginq deploy`.")
    state = stack.state(found)
    if state.how not in (How.WELL, How.NOTED):
        raise Failed(f"{stack.name} is in {state.status}. {state.says}", state.do)
    return f"{stack.name} is in {state.status}"


def roles(trial: Trial) -> str:
    """Each function has the role that was made for it; the other steps show that it allows enough."""
    lambdas = trial.patient.aws.client("lambda")
    made = {each["LogicalResourceId"]: each for each in trial.patient.stack.resources()}
    mine = {name: each["PhysicalResourceId"] for name, each in made.items() if each["ResourceType"] == _FUNCTION}
    for name, function in mine.items():
        role = lambdas.get_function_configuration(FunctionName=function)["Role"].rpartition("/")[2]
        if role != made[f"{name}Role"]["PhysicalResourceId"]:
            raise Failed(f"{name} runs under {role}, which is not its own role.")
    says = f"{len(mine)} functions, each under its own"
    if not enforces_iam(trial):
        raise NotAsked(f"{says}, and this emulator lets every role do everything")
    return says


def settle(trial: Trial) -> str:
    """What runs each minute, run now."""
    function = trial.patient.stack.outputs()["SettleLineFunction"]
    answer = trial.patient.aws.client("lambda").invoke(FunctionName=function)
    said = json.loads(answer["Payload"].read() or b"null")
    if "FunctionError" in answer or not isinstance(said, dict):
        raise Failed("settle_line fails: no-shows keep their places.")
    if why := said.get("not_ready"):
        raise Failed(f"settle_line: {why}", "Run `loginq deploy`.")
    return "settle_line ran"
