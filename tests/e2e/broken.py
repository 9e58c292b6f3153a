"""`/login`, broken in four ways, each mended at the end; what is broken of another function is broken alike."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from tests.e2e.conftest import Stack

LOGIN = "QueuePlayerLogin"


def named(stack: Stack, logical_id: str) -> str:
    """The physical id of a resource."""
    every = stack.deployment.stack.resources()
    return str(next(each["PhysicalResourceId"] for each in every if each["LogicalResourceId"] == logical_id))


@contextmanager
def code(stack: Stack, function: str = LOGIN) -> Iterator[None]:
    """It, or another function, cannot even be imported."""
    lambdas, function = stack.aws.client("lambda"), named(stack, function)
    module = lambdas.get_function_configuration(FunctionName=function)["Handler"].split(".")[1]
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as bundle:
        bundle.writestr("lambdas/__init__.py", "")
        bundle.writestr(f"lambdas/{module}.py", "raise RuntimeError('drill')\n")
    lambdas.update_function_code(FunctionName=function, ZipFile=file.getvalue())
    try:
        yield
    finally:
        there = stack.deployment.stack.parameters()
        lambdas.update_function_code(FunctionName=function, S3Bucket=there["CodeBucket"], S3Key=there["CodeKey"])


@contextmanager
def role(stack: Stack) -> Iterator[None]:
    """It may write its log, and nothing else. Only an emulator with IAM keeps it from the rest."""
    iam, name = stack.aws.client("iam"), named(stack, f"{LOGIN}Role")
    (policy,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
    document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
    less = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "*"}]}
    iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(less))
    try:
        yield
    finally:
        iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))


@contextmanager
def throttle(stack: Stack) -> Iterator[None]:
    """Its stage lets nobody through."""
    api, stage = named(stack, "Api"), "v1"
    gateway = stack.aws.client("apigateway")
    before = gateway.get_stage(restApiId=api, stageName=stage)["methodSettings"].get("*/*")

    def patch(*operations: dict[str, str]) -> None:
        gateway.update_stage(restApiId=api, stageName=stage, patchOperations=operations)

    def let(rate: float, burst: int) -> None:
        values = {"rateLimit": str(rate), "burstLimit": str(burst)}
        patch(*({"op": "replace", "path": f"/*/*/throttling/{name}", "value": value} for name, value in values.items()))

    let(0, 0)
    try:
        yield
    finally:
        if before is None:
            patch({"op": "remove", "path": "/*/*"})
        else:
            let(before["throttlingRateLimit"], before["throttlingBurstLimit"])


@contextmanager
def table(stack: Stack) -> Iterator[None]:
    """It looks for its rows in a table that is not there."""
    lambdas, function = stack.aws.client("lambda"), named(stack, LOGIN)
    variables: dict[str, Any] = lambdas.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    gone = {"Variables": {**variables, "DYNAMO_TABLE_NAME": "gone"}}
    lambdas.update_function_configuration(FunctionName=function, Environment=gone)
    try:
        yield
    finally:
        lambdas.update_function_configuration(FunctionName=function, Environment={"Variables": variables})


BROKEN: dict[str, Callable[[Stack], AbstractContextManager[None]]] = {
    "code": code, "role": role, "throttle": throttle, "table": table,
}  # fmt: skip
