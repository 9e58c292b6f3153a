"""The tags of a stack: ours, those given, and those that somebody else put there, which stay."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping

from loginq.service.rules.errors import Invalid
from loginq.service.store.aws import Aws

OURS = {"application": "loginq"}
_MOST = 50
_KEY, _VALUE = 128, 256
"""Characters. Source of the limits and of the letters:
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Tag.html and
https://docs.aws.amazon.com/IAM/latest/APIReference/API_Tag.html, as CloudFormation hands them on to the roles."""
_RULE = "Letters, digits, spaces and _ . : / = + - @ are allowed."


def parse_tags(given: Iterable[str]) -> dict[str, str]:
    """`K=V` words as a dict. Raises `Invalid` for what AWS would refuse, and for a key that is given twice or ours."""
    tags: dict[str, str] = {}
    for word in given:
        key, equals, value = word.partition("=")
        if not (equals and key and value):
            raise Invalid(f"{word!r} is not a tag.", "Write it like --tag cost-center=games.")
        if key.lower().startswith("aws:"):
            raise Invalid(f"The tag {key!r} is reserved: what begins with aws: is AWS's own.")
        if key in OURS:
            raise Invalid(f"The tag {key!r} is set by loginq.", "Choose another key.")
        if key in tags:
            raise Invalid(f"The tag {key!r} is given twice.")
        for what, text, most in (("key", key, _KEY), ("value", value, _VALUE)):
            if len(text) > most:
                raise Invalid(f"The {what} of the tag {key[:20]!r} is too long.", f"It may have {most} characters.")
            if not all(map(_is_allowed, text)):
                raise Invalid(f"The {what} of the tag {key!r} has a character that AWS refuses.", _RULE)
        tags[key] = value
    return tags


def given_to(there: Mapping[str, str]) -> dict[str, str]:
    """Of the tags of a stack those that somebody gave it: neither ours nor AWS's own."""
    return {key: value for key, value in there.items() if key not in OURS and not key.lower().startswith("aws:")}


def merged(there: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """The tags of the stack from now on. Raises `Invalid` when there would be more than AWS allows."""
    tags = given_to(there) | {**given, **OURS}
    if len(tags) > _MOST:
        raise Invalid(f"The stack would have {len(tags)} tags.", f"AWS allows {_MOST}.")
    return tags


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> list[tuple[str, str | None, str]]:
    """(key, value before, value after) of the tags that differ; None for no value."""
    return [(key, before.get(key), value) for key, value in sorted(after.items()) if before.get(key) != value]


def stacks_of_ours(aws: Aws) -> Iterator[str]:
    """The names of the stacks that have our tags."""
    for page in aws.client("cloudformation").pages("describe_stacks"):
        for stack in page["Stacks"]:
            if OURS.items() <= {each["Key"]: each["Value"] for each in stack.get("Tags", [])}.items():
                yield stack["StackName"]


def _is_allowed(letter: str) -> bool:
    return letter in "_.:/=+-@" or unicodedata.category(letter)[0] in "LZN"
