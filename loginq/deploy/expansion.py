"""What the transform AWS::LanguageExtensions makes of a template, as far as ours uses it: its loops and its tables.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/transform-aws-languageextensions.html
"""

import re
from collections.abc import Mapping
from typing import Any

_LOOP = "Fn::ForEach::"
_GONE = {"Ref": "AWS::NoValue"}


def expanded(document: Mapping[str, Any]) -> dict[str, Any]:
    """A template whose resources are written out: no loop, no word of a loop, no look-up in its mappings.

    Functions are named as their short tags are. Raises `KeyError` for a look-up without entry and default.
    """
    return {**document, "Resources": _Expansion(document.get("Mappings", {})).of(document["Resources"], {})}


class _Expansion:
    """Of parts of a template, by its mappings; `words` are what the loops around a part have come to."""

    def __init__(self, mappings: Mapping[str, Any]) -> None:
        self._mappings = mappings

    def of(self, part: Any, words: Mapping[str, str]) -> Any:
        if isinstance(part, list):
            return [self.of(each, words) for each in part]
        if not isinstance(part, dict):
            return part
        if len(part) == 1:
            ((function, said),) = part.items()
            if function in ("Ref", "GetAtt", "Sub", "FindInMap"):
                return getattr(self, f"_{function.lower()}")(said, words)
        made: dict[str, Any] = {}
        for key, value in part.items():
            found = self._looped(value, words) if key.startswith(_LOOP) else {key: self.of(value, words)}
            made |= {name: each for name, each in found.items() if each != _GONE}
        return made

    def _looped(self, loop: list[Any], words: Mapping[str, str]) -> dict[str, Any]:
        word, collection, fragment = loop
        made: dict[str, Any] = {}
        for item in self.of(collection, words):
            here = {**words, word: item}
            made |= self.of({_filled(key, here): value for key, value in fragment.items()}, here)
        return made

    def _ref(self, said: Any, words: Mapping[str, str]) -> Any:
        name = self.of(said, words)
        return words.get(name, {"Ref": name})

    def _getatt(self, said: Any, words: Mapping[str, str]) -> dict[str, str]:
        return {"GetAtt": said if isinstance(said, str) else ".".join(self.of(said, words))}

    def _sub(self, said: Any, words: Mapping[str, str]) -> Any:
        text, values = said if isinstance(said, list) else (said, {})
        values = {name: self.of(value, words) for name, value in values.items()}
        plain = {name: _inline(value) for name, value in values.items() if _is_plain(value)}
        text = _filled(text, {**words, **plain})
        if left := {name: value for name, value in values.items() if name not in plain}:
            return {"Sub": [text, left]}
        return {"Sub": text} if "${" in text else text

    def _findinmap(self, said: list[Any], words: Mapping[str, str]) -> Any:
        table, row, column = (self.of(each, words) for each in said[:3])
        found = self._mappings[table].get(row, {})
        if column in found or len(said) == 3:
            return found[column]
        return self.of(said[3]["DefaultValue"], words)


def _filled(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\$\{(\w+)}", lambda match: values.get(match[1], match[0]), text)


def _is_plain(value: Any) -> bool:
    """Whether a value of `Sub` can stand in its text."""
    return not isinstance(value, dict) or not {"Ref", "GetAtt"}.isdisjoint(value)


def _inline(value: Any) -> str:
    return f"${{{next(iter(value.values()))}}}" if isinstance(value, dict) else str(value)
