"""The template as it is deployed: linted, its parameters checked, its API deployment named after what it deploys."""

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from loginq.deploy.assets import TEMPLATE
from loginq.service.errors import Failed, Invalid
from loginq.service.polling import longest_poll
from loginq.service.times import SECOND

_DEPLOYMENT = "ApiDeployment"
OURS = ("CodeBucket", "CodeKey", "LoginqVersion", "EmulatorEndpoint")
"""Parameters that `deploy` gives; nobody else may."""
LOCAL = {
    "PlacingTimeoutSeconds": "5",
    "IntakeVisibilitySeconds": "5",
    "BatchSize": "10",
    "BatchWindowSeconds": "0",
    "LogRetentionDays": "1",
}
"""What is smaller on the emulator, so that a dead letter takes half a minute there and not a quarter of an hour."""


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's tags, each read as {tag: value}."""


def _tagged(loader: _Loader, tag: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {tag: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {tag: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)  # noqa: S101 - there is no fourth kind
    return {tag: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _tagged)


@dataclass(frozen=True, slots=True)
class Template:
    """The text of the template and what it says."""

    text: str
    document: dict[str, Any]

    @property
    def defaults(self) -> dict[str, str]:
        """The parameters that have a default."""
        given = self.document["Parameters"].items()
        return {name: str(spec["Default"]) for name, spec in given if "Default" in spec}

    def deployable(self, parameters: dict[str, str]) -> str:
        """The text in which the API deployment's logical id follows what that deployment fixes."""
        return re.sub(rf"\b{_DEPLOYMENT}\b", _DEPLOYMENT + self.api_hash(parameters), self.text)

    def api_hash(self, parameters: dict[str, str]) -> str:
        """A short hash of everything that a deployment of the API fixes."""
        fixed = {
            name: resource
            for name, resource in self.document["Resources"].items()
            if resource["Type"].startswith("AWS::ApiGateway::") and name not in (_DEPLOYMENT, "Stage")
        }
        text = json.dumps(fixed, sort_keys=True)
        used = {
            name: parameters.get(name, self.defaults.get(name))
            for name in self.document["Parameters"]
            if f'"{name}"' in text or f"${{{name}}}" in text
        }
        return hashlib.sha256((text + json.dumps(used, sort_keys=True)).encode()).hexdigest()[:10]

    def checked(self, given: dict[str, str], *, on_aws: bool) -> dict[str, str]:
        """All parameters but those that `deploy` adds. Raises `Invalid` for what CloudFormation would refuse late."""
        specs = self.document["Parameters"]
        for name, value in given.items():
            if name not in specs or name in OURS:
                known = ", ".join(sorted(set(specs) - set(OURS)))
                raise Invalid(f"The template has no parameter {name!r}.", f"It has: {known}.")
            _check(name, value, specs[name])
        every = {name: value for name, value in {**self.defaults, **given}.items() if name not in OURS}
        if int(every["BatchSize"]) > 10 and int(every["BatchWindowSeconds"]) < 1:
            raise Invalid("A BatchSize above 10 needs a BatchWindowSeconds of at least 1.")
        if (every["WarmReads"] == "0") != (every["WarmWrites"] == "0"):
            raise Invalid("WarmReads and WarmWrites go together.", "Give both, or neither.")
        lease, window = int(every["LeaseSeconds"]) * SECOND, int(every["ClaimWindowSeconds"]) * SECOND
        if window < lease + 2 * longest_poll(lease, window):
            raise Invalid(
                f"A ClaimWindowSeconds of {every['ClaimWindowSeconds']} is too short for a LeaseSeconds of "
                f"{every['LeaseSeconds']}.",
                "It must be the lease and two of the longest polls, so that an outage expires nobody who polls.",
            )
        if on_aws and int(every["IntakeVisibilitySeconds"]) < 6 * int(every["PlacingTimeoutSeconds"]):
            raise Invalid(
                "IntakeVisibilitySeconds must be at least six times PlacingTimeoutSeconds.",
                "Otherwise SQS delivers a batch again while it is still being placed.",
            )
        return every


def _check(name: str, value: str, spec: dict[str, Any]) -> None:
    if "AllowedValues" in spec and value not in map(str, spec["AllowedValues"]):
        raise Invalid(f"{name} cannot be {value!r}.", f"It can be {', '.join(map(str, spec['AllowedValues']))}.")
    if "AllowedPattern" in spec and not re.fullmatch(spec["AllowedPattern"], value):
        raise Invalid(f"{name} cannot be {value!r}.", f"Its default is {spec.get('Default')!r}: write it like that.")
    if spec["Type"] == "Number":
        if not re.fullmatch(r"\d+", value):
            raise Invalid(f"{name} must be a whole number, not {value!r}.")
        least, most = int(spec.get("MinValue", 0)), spec.get("MaxValue")
        if int(value) < least or (most is not None and int(value) > int(most)):
            raise Invalid(
                f"{name} cannot be {value}.", f"It must be {least} or more" + (f", up to {most}." if most else ".")
            )


def load(path: Path = TEMPLATE) -> Template:
    """The template of this version."""
    text = path.read_text()
    return Template(text, yaml.load(text, _Loader))  # noqa: S506 - a SafeLoader with CloudFormation's tags


def lint(path: Path = TEMPLATE) -> None:
    """Raises `Failed` with the first thing that cfn-lint finds: the emulator would swallow it and AWS would not."""
    if found := _findings(path.read_text()):
        first = found[0]
        raise Failed(
            f"cfn-lint: {path.name} line {first.linenumber}: {first.message[:200]}", f"{len(found)} findings in all."
        )


@cache
def _findings(text: str) -> list[Any]:
    """What cfn-lint finds: it takes seconds, and a text does not change."""
    from cfnlint.api import lint as cfn_lint

    return list(cfn_lint(text))
