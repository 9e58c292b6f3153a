"""The template as it is deployed: its parameters checked, its API deployment named after what it deploys."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from loginq.deploy.agreement import agree
from loginq.deploy.assets import TEMPLATE
from loginq.deploy.expansion import expanded
from loginq.deploy.foresight import resources
from loginq.deploy.limits import WARM, clashes, refuse
from loginq.service.rules.errors import Invalid
from loginq.service.rules.settings import PARAMETERS, Rules

_DEPLOYMENT = "ApiDeployment"
_NOT_FIXED = (_DEPLOYMENT, "Stage", "Domain", "DomainMapping")
"""What of the API no deployment fixes."""
_HASH = 10
OURS = ("CodeBucket", "CodeKey", "SourcesHash", "LoginqVersion", "EmulatorEndpoint")
"""Parameters that `deploy` gives; nobody else may."""
LONGEST = 4_096
"""Bytes of a parameter's value: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
LOCAL = {
    "PlacingTimeoutSeconds": "5",
    "IntakeVisibilitySeconds": "5",
    "LogRetentionDays": "1",
}
"""What is smaller on the emulator, so that a dead letter takes half a minute there and not nine of them."""


OLDER = {"Monitoring": "full", "UserPoolTier": "ESSENTIALS"}
"""What a stack has that is older than these parameters: an update takes nothing away that nobody asked to lose."""
_REPLACING = {"AWS::Cognito::UserPool": ("AliasAttributes", "UsernameAttributes", "UsernameConfiguration")}
"""Properties whose change makes another resource, with another ARN."""


_FASTEST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's, where PyYAML was built with it."""


class _Loader(_FASTEST):  # type: ignore[misc]
    """YAML with CloudFormation's tags, each read as {tag: value}."""


def _tagged(loader: _Loader, tag: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {tag: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {tag: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)  # noqa: S101 - there is no fourth kind
    return {tag: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _tagged)


MASKED = "****"
"""What CloudFormation says in place of a value that the template has it hide, and what loginq says then, too.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
"""


def shown(spec: Mapping[str, Any], value: str | None) -> str | None:
    """A parameter's value as anybody may see it."""
    return MASKED if value and "NoEcho" in spec else value


@dataclass(frozen=True, slots=True)
class Parameter:
    """What may be given to a stack, as the template has it."""

    name: str
    spec: Mapping[str, Any]

    @property
    def default(self) -> str:
        """Its value where none is given; empty for nothing."""
        return str(self.spec.get("Default", ""))

    @property
    def means(self) -> str:
        """What it is for."""
        return str(self.spec["Description"])

    @property
    def range(self) -> dict[str, Any]:
        """What a value may be, as CloudFormation says it: `allowed`, or `min` and `max`, or a `pattern`."""
        names = {"allowed": "AllowedValues", "min": "MinValue", "max": "MaxValue", "pattern": "AllowedPattern"}
        return {name: self.spec[key] for name, key in names.items() if key in self.spec}

    @property
    def choices(self) -> list[str]:
        """All values that there are, where they are few."""
        return [str(each) for each in self.spec.get("AllowedValues", ())]

    @property
    def bounds(self) -> str:
        """What a value may be, in short."""
        if self.choices:
            return " · ".join(self.choices)
        if self.spec["Type"] != "Number":
            return "text"
        least = f"0, or {WARM[self.name]:,}" if self.name in WARM else f"{self.spec['MinValue']:,}"
        return f"{least} to {self.spec['MaxValue']:,}"

    @property
    def rule(self) -> str:
        """What a text must be, as a sentence; empty for what has bounds."""
        return str(self.spec.get("ConstraintDescription", "")).strip()


@dataclass(frozen=True, slots=True)
class Template:
    """The text of the template and what it says."""

    text: str
    document: dict[str, Any]
    """Without loops."""

    @property
    def defaults(self) -> dict[str, str]:
        """The parameters that have a default."""
        given = self.document["Parameters"].items()
        return {name: str(spec["Default"]) for name, spec in given if "Default" in spec}

    @property
    def hidden(self) -> set[str]:
        """The parameters that nobody is shown."""
        return {name for name, spec in self.document["Parameters"].items() if "NoEcho" in spec}

    def deployable(self, parameters: dict[str, str]) -> str:
        """The text in which the API deployment's logical id follows what that deployment fixes."""
        return re.sub(rf"\b{_DEPLOYMENT}\b", _DEPLOYMENT + self.api_hash(parameters), self.text)

    def api_hash(self, parameters: dict[str, str]) -> str:
        """A short hash of everything that a deployment of the API fixes: of what is there with these parameters."""
        fixed = {
            name: resource
            for name, resource in resources(self.document, {**self.defaults, **parameters}).items()
            if resource["Type"].startswith("AWS::ApiGateway::") and name not in _NOT_FIXED
        }
        text = json.dumps(fixed | self._pointed_at(fixed), sort_keys=True)
        used = {
            name: parameters.get(name, self.defaults.get(name))
            for name in self.document["Parameters"]
            if f'"{name}"' in text or f"${{{name}}}" in text
        }
        return hashlib.sha256((text + json.dumps(used, sort_keys=True)).encode()).hexdigest()[:_HASH]

    def _pointed_at(self, fixed: Mapping[str, Any]) -> dict[str, Any]:
        """What makes the resources another that the API's authorizers speak of: a deployment keeps their ARN."""
        found = {}
        for each in fixed.values():
            for arn in each["Properties"].get("ProviderARNs", []):
                own = arn["If"][1] if "If" in arn else arn  # an older template has no other pool than its own
                name = own["GetAtt"].partition(".")[0]
                resource = self.document["Resources"][name]
                kept = _REPLACING[resource["Type"]]
                found[name] = {key: value for key, value in resource["Properties"].items() if key in kept}
        return found

    def parameters(self) -> list[Parameter]:
        """What may be given."""
        return [Parameter(name, spec) for name, spec in self.document["Parameters"].items() if name not in OURS]

    def accept(self, given: Mapping[str, str]) -> None:
        """Raises `Invalid` for a parameter that is not there to be given, or has a value that no stack may have."""
        specs = self.document["Parameters"]
        for name, value in given.items():
            if name not in specs or name in OURS:
                known = ", ".join(sorted(set(specs) - set(OURS)))
                raise Invalid(f"The template has no parameter {name!r}.", f"It has: {known}.")
            _check(name, value, specs[name])

    def checked(
        self, given: Mapping[str, str], there: Mapping[str, str] | None = None, *, on_aws: bool
    ) -> dict[str, str]:
        """All parameters but those that `deploy` adds: what is `given`, else what is `there`, else the default.

        Raises `Invalid` for what CloudFormation would refuse late, and for what the functions would refuse: their own
        parser reads every rule here. A stack that an older loginq made less strictly is not refused for that.
        """
        told = {**(there or {}), **given}
        self.accept({name: value for name, value in told.items() if name in given or value != MASKED})
        every = {name: value for name, value in {**self.defaults, **told}.items() if name not in OURS}
        agree(every, given, on_aws=on_aws)
        refuse([each for each in clashes(every, on_aws=on_aws) if each.of & set(given)])
        return every


def _check(name: str, value: str, spec: dict[str, Any]) -> None:
    if "AllowedValues" in spec and value not in map(str, spec["AllowedValues"]):
        raise Invalid(f"{name} cannot be {value!r}.", f"It can be {', '.join(map(str, spec['AllowedValues']))}.")
    too_long = len(value) > spec.get("MaxLength", LONGEST)
    if too_long or not re.fullmatch(spec.get("AllowedPattern", ".*"), value, re.ASCII):
        hint = spec.get("ConstraintDescription") or f"Its default is {spec.get('Default')!r}: write it like that."
        raise Invalid(f"{name} cannot be {'this' if 'NoEcho' in spec else repr(value[:100])}.", hint)
    if spec["Type"] == "Number" and "AllowedValues" not in spec:
        _check_number(name, value, spec)
    if name in PARAMETERS:
        rules = Rules.of_stack({name: value})
        try:
            rules.new_line(0)
        except Invalid as exc:
            raise Invalid(f"{name} cannot be {value!r}: {exc.message}", exc.hint) from exc


def _check_number(name: str, value: str, spec: dict[str, Any]) -> None:
    # No zero in front: the template compares texts, in which 00 is not 0.
    if not re.fullmatch("0|[1-9][0-9]{0,17}", value):
        raise Invalid(f"{name} must be a whole number, not {value[:100]!r}.", f"Write it like {spec['Default']}.")
    least, most = WARM.get(name, spec.get("MinValue", 0)), spec["MaxValue"]
    if not least <= int(value) <= most and not (name in WARM and value == "0"):
        raise Invalid(
            f"{name} cannot be {value}.", f"It must be {'0, or ' if name in WARM else ''}from {least} to {most}."
        )


def parse_parameters(given: list[str]) -> dict[str, str]:
    """`K=V` words as a dict. Raises `Invalid` for anything else, and for a name given twice."""
    parameters: dict[str, str] = {}
    for word in given:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise Invalid(f"{word!r} is not a parameter.", "Write it like --param InitialRate=50.")
        if name in parameters:
            raise Invalid(f"The parameter {name} is given twice.")
        parameters[name] = value
    return parameters


def plain(text: str) -> str:
    """A text that `deployable` made, as it was before."""
    return re.sub(rf"\b{_DEPLOYMENT}[0-9a-f]{{{_HASH}}}\b", _DEPLOYMENT, text)


@cache
def load(path: Path = TEMPLATE) -> Template:
    """The template of this version."""
    return read(path.read_text())


@cache
def read(text: str) -> Template:
    """A template of any version."""
    return Template(text, expanded(yaml.load(text, _Loader)))  # noqa: S506 - a SafeLoader with CloudFormation's tags
