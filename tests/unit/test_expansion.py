"""What is read of a template with loops is what CloudFormation makes of it."""

from typing import Any

import pytest

from loginq.deploy.assets import TEMPLATE
from loginq.deploy.expansion import expanded
from tests import expanded as written_out

TABLE = {"Kinds": {"A": {"Size": 1, "Of": "Queue", "May": ["x:Do"], "Has": ["Late"]}, "B": {"Of": "Topic"}}}


def found(properties: dict[str, Any]) -> list[dict[str, Any]]:
    """What a loop over A and B makes of properties."""
    loop = ["K", ["A", "B"], {"${K}Thing": {"Type": "T", "Properties": properties}}]
    document = {"Mappings": TABLE, "Resources": {"Fn::ForEach::Things": loop}}
    resources = expanded(document)["Resources"]
    assert list(resources) == ["AThing", "BThing"]
    return [each["Properties"] for each in resources.values()]


def find(column: str, *default: Any) -> dict[str, Any]:
    return {"FindInMap": ["Kinds", {"Ref": "K"}, column, *({"DefaultValue": each} for each in default)]}


NOTHING = {"Ref": "AWS::NoValue"}


@pytest.mark.parametrize(
    ("value", "a", "b"),
    [
        ({"Ref": "K"}, "A", "B"),
        ({"Ref": "Table"}, {"Ref": "Table"}, {"Ref": "Table"}),
        ({"Ref": {"Sub": "${K}Thing"}}, {"Ref": "AThing"}, {"Ref": "BThing"}),
        ({"Ref": find("Of")}, {"Ref": "Queue"}, {"Ref": "Topic"}),
        ({"GetAtt": [find("Of"), "Arn"]}, {"GetAtt": "Queue.Arn"}, {"GetAtt": "Topic.Arn"}),
        ({"Sub": "${K} of ${AWS::Region}"}, {"Sub": "A of ${AWS::Region}"}, {"Sub": "B of ${AWS::Region}"}),
        ({"Sub": ["a ${Of}", {"Of": find("Of")}]}, "a Queue", "a Topic"),
        ({"Sub": ["${X}!", {"X": {"GetAtt": [{"Ref": "K"}, "Arn"]}}]}, {"Sub": "${A.Arn}!"}, {"Sub": "${B.Arn}!"}),
        ([find("Size", {"Ref": "Given"})], [1], [{"Ref": "Given"}]),
        ({"If": ["C", {"Ref": "K"}, NOTHING]}, {"If": ["C", "A", NOTHING]}, {"If": ["C", "B", NOTHING]}),
    ],
)  # fmt: skip
def test_words_of_the_loop_and_rows_of_the_table_are_filled_in(value: Any, a: Any, b: Any) -> None:
    assert found({"P": value}) == [{"P": a}, {"P": b}]


def test_what_a_row_has_not_is_left_out() -> None:
    nested = ["P", find("Has", []), {"${P}": {"Ref": "K"}}]
    assert found({"Size": find("Size", NOTHING), "Fn::ForEach::Few": nested}) == [{"Size": 1, "Late": "A"}, {}]
    with pytest.raises(KeyError):
        found({"Size": find("Size")})


class Made(dict[str, str]):
    """The attributes of a resource, whatever they are."""

    def __contains__(self, name: object) -> bool:
        return True

    def __getitem__(self, name: str) -> str:
        return f"its {name}"


def _resolved(text: str, given: dict[str, str]) -> Any:
    """The resources of a template as the emulator would make them: its loops expanded, its functions resolved."""
    from ministack.services.cloudformation import engine  # it is large, and every worker reads every module of tests

    sent = [{"Key": name, "Value": value} for name, value in given.items()]
    document = engine._apply_transforms(engine._parse_template(text), sent)
    values = engine._resolve_parameters(document, sent)
    conditions = engine._evaluate_conditions(document, values)
    made = {name: {"PhysicalResourceId": name, "Attributes": Made()} for name in document["Resources"]}
    return engine._resolve_refs(document["Resources"], made, values, conditions, document.get("Mappings"), "a", "id")


def test_ours_is_what_the_emulator_deploys() -> None:
    given = {"CodeBucket": "b", "CodeKey": "k", "Monitoring": "full", "PlacingReservedConcurrency": "7", "Edge": "true"}
    assert _resolved(written_out.text(), given) == _resolved(TEMPLATE.read_text(), given)


def test_each_fact_stands_once() -> None:
    assert len(TEMPLATE.read_text().splitlines()) <= 1_240
