"""What a new stack takes of an earlier one: there, whole, and nobody else's; and what becomes of it afterwards."""

from typing import Any

import pytest

from loginq.deploy import removal, taken, template
from loginq.deploy.removal import Removal
from loginq.doctor import taken as doctor
from loginq.doctor.checks import Verdict
from loginq.service.rules.errors import Invalid
from loginq.service.store.row_format import FORMAT
from tests.unit.scripted import Answer, Refusal, Scripted, in_turn
from tests.unit.test_checks import Stack, patient, told

REGION, POOL = "eu-west-1", "eu-west-1_pool"
TRIGGER, OTHER = (f"arn:aws:lambda:eu-west-1:123456789012:function:{name}" for name in ("gone", "other"))
LEFT = {"TableName": "loginq-Table-1", "UserPoolId": POOL, "UserClientId": "client"}
NOT_FOUND = Refusal("ResourceNotFoundException")


def given(**parameters: str) -> dict[str, str]:
    return {**template.load().defaults, **LEFT, **parameters}


def table(keys: str = "PK SK", kind: str = "S") -> Answer:
    names = keys.split()
    schema = [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"), strict=False)]
    kinds = [{"AttributeName": name, "AttributeType": kind} for name in names]
    return in_turn({"Table": {"TableName": "loginq-Table-1", "KeySchema": schema, "AttributeDefinitions": kinds}})


def ttl(status: str = "ENABLED", **more: str) -> Answer:
    return in_turn({"TimeToLiveDescription": {"TimeToLiveStatus": status, **more}})


def row(number: int, **more: str) -> Answer:
    return in_turn({"Item": {"row_format": {"N": str(number)}, **{name: {"S": value} for name, value in more.items()}}})


def pool(trigger: str | None = None) -> Answer:
    triggers = {"PreSignUp": OTHER, **({"PostConfirmation": trigger} if trigger else {})}
    return in_turn({"UserPool": {"Id": POOL, "LambdaConfig": triggers, "AutoVerifiedAttributes": ["email"]}})


def client(*flows: str, **more: str) -> Answer:
    flows = flows or ("ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH")
    return in_turn({"UserPoolClient": {"ClientId": "client", "ExplicitAuthFlows": list(flows), **more}})


def stack(name: str, outputs: dict[str, str], parameters: dict[str, str] | None = None) -> dict[str, Any]:
    said = [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]
    asked = [{"ParameterKey": key, "ParameterValue": value} for key, value in (parameters or {}).items()]
    return {"StackName": name, "StackStatus": "UPDATE_COMPLETE", "Outputs": said, "Parameters": asked}


def stacks(*found: dict[str, Any]) -> Answer:
    return in_turn({"Stacks": [stack("other", {"TableName": "other-Table-1", "UserPoolId": "eu-west-1_x"}), *found]})


WELL: dict[str, Answer] = {
    "DescribeTable": table(),
    "DescribeTimeToLive": ttl(AttributeName="ttl"),
    "GetItem": row(FORMAT),
    "DescribeUserPool": pool(),
    "DescribeUserPoolClient": client(),
    "DescribeStacks": stacks(stack("loginq", LEFT)),  # it was there before, under this very name
}


def asked(
    parameters: dict[str, str], before: dict[str, str] | None = None, answers: dict[str, Answer] | None = None
) -> tuple[list[str], Scripted]:
    aws, said = Scripted({**WELL, **(answers or {})}, REGION), list[str]()
    taken.ask(aws, "loginq", parameters, before, said.append)
    return said, aws


def test_a_new_stack_takes_what_is_whole_and_nobodys() -> None:
    assert asked(given())[0] == []
    for part in ({"TableName": ""}, {"UserPoolId": "", "UserClientId": ""}):
        assert asked(given(**part))[0] == []
    assert asked(given(SessionReports="counts"), answers={"GetItem": in_turn({})})[0] == []  # nobody has played there
    assert asked(template.load().defaults)[1].calls == [] == asked(given(), given())[1].calls


@pytest.mark.parametrize(
    ("answers", "says", "do"),
    [
        ({"DescribeTable": in_turn(NOT_FOUND)}, "There is no table loginq-Table-1 in this region.", "list-tables"),
        ({"DescribeTable": table("PK")}, "has other keys than PK and SK.", "of loginq left"),
        ({"DescribeTable": table("id at")}, "has other keys than PK and SK.", "of loginq left"),
        ({"DescribeTable": table(kind="N")}, "has other keys than PK and SK.", "of loginq left"),
        ({"DescribeTimeToLive": ttl("DISABLED")}, "do not expire by `ttl`.", "Enabled=true,AttributeName=ttl"),
        ({"DescribeTimeToLive": ttl(AttributeName="expires")}, "do not expire by `ttl`.", "update-time-to-live"),
        ({"GetItem": row(FORMAT + 1)}, f"are of format {FORMAT + 1}, and this loginq knows {FORMAT}.", "newer loginq"),
        ({"GetItem": row(FORMAT, session_reports="counts")}, "report counts, and SessionReports is events.", "=counts"),
        ({"DescribeUserPool": in_turn(NOT_FOUND)}, f"There is no user pool {POOL} in this", "list-user-pools"),
        ({"DescribeUserPoolClient": in_turn(NOT_FOUND)}, f"pool {POOL} has no app client client.", "list-user-pool-c"),
        ({"DescribeUserPoolClient": client(ClientSecret="x")}, "has a secret, which no game client keeps.", "without"),
        ({"DescribeUserPoolClient": client("ALLOW_CUSTOM_AUTH")}, "ALLOW_REFRESH_TOKEN_AUTH, ALLOW_USER_SRP", "one"),
        ({"DescribeStacks": stacks(stack("a", {"TableName": "loginq-Table-1"}))}, "'a' uses loginq-Table-1.", "-k a d"),
        ({"DescribeStacks": stacks(stack("b", {}, {"UserPoolId": POOL}))}, f"'b' uses {POOL}.", "loginq --stack b des"),
    ],
)
def test_what_cannot_be_taken(answers: dict[str, Answer], says: str, do: str) -> None:
    with pytest.raises(Invalid) as refused:
        asked(given(), answers=answers)
    assert says in refused.value.message and do.replace("-k a d", "--stack a destroy") in refused.value.hint


@pytest.mark.parametrize("name", taken.NAMES)
def test_a_stack_that_runs_keeps_what_it_has(name: str) -> None:
    for there, wanted in (("", LEFT[name]), (LEFT[name], ""), (LEFT[name], f"{LEFT[name]}2")):
        with pytest.raises(Invalid) as refused:
            asked(given(**{name: wanted}), given(**{name: there}))
        assert refused.value.message.startswith(f"{name} cannot be {wanted or 'nothing'!r}: this stack has ")
    foreign = {"IdentityIssuer": "https://id.example.com", "IdentityAudience": "game"}
    assert asked(given(UserPoolId="", UserClientId="", **foreign), given())[0] == []


def test_what_makes_a_new_stack_the_same_queue_is_accepted_and_means_the_same() -> None:
    source = template.load()
    certificate = "arn:aws:acm:eu-west-1:123456789012:certificate/c"
    values = {"DomainName": "q.example.com", "CertificateArn": certificate, "MaxRate": "9"}
    own = {"WarmReads": "20000", "WarmWrites": "8000", "IdTokenHours": "1", "AlarmUrl": "****", "LoginqVersion": "1"}
    before = {**source.defaults, **values, **own, "InitialRate": "5", "PlacingTimeoutSeconds": "5", "Gone": "x"}
    kept = {logical: LEFT[name] for name, logical in taken.NAMES.items()}
    said = taken.again(source, before, {"PlacingTimeoutSeconds": "5"}, kept)
    assert said == {**LEFT, **values, "InitialRate": "5"}
    assert said.items() <= source.checked(said, on_aws=True).items()
    assert taken.again(source, before, {}, {"Table": "t"})["IdTokenHours"] == "1"
    assert taken.again(source, {}, {}, kept) == LEFT


def test_a_stack_is_back_from_a_provider_at_the_pool_that_it_left_if_that_is_whole_and_nobodys() -> None:
    foreign = given(UserPoolId="", UserClientId="", IdentityIssuer="https://id.example.com", IdentityAudience="game")
    assert asked(given(), foreign)[1].calls
    with pytest.raises(Invalid, match=r"has no app client client\."):
        asked(given(), foreign, {"DescribeUserPoolClient": in_turn(NOT_FOUND)})
    with pytest.raises(Invalid, match="'b' uses"):
        asked(given(), foreign, {"DescribeStacks": stacks(stack("b", {}, {"UserPoolId": POOL}))})
    with pytest.raises(Invalid, match="TableName cannot be"):
        asked(given(TableName="other"), foreign)


def test_a_trigger_whose_function_is_gone_is_said_and_refuses_nothing() -> None:
    gone: dict[str, Answer] = {"DescribeUserPool": pool(TRIGGER), "GetFunctionConfiguration": in_turn(NOT_FOUND)}
    ((said,), _) = asked(given(), answers=gone)
    assert said == f"{taken.ORPHAN.format(POOL)} {taken.HOW_TO_MEND}"
    assert asked(given(), answers={**gone, "GetFunctionConfiguration": in_turn({})})[0] == []


def test_what_may_not_be_seen_is_said() -> None:
    ((said,), _) = asked(given(), answers={"DescribeTable": in_turn(Refusal("AccessDeniedException"))})
    assert said.startswith("Whether all of that can be taken could not be seen:")


# What becomes of it


def removed(answers: dict[str, Answer] | None = None, *, delete_data: bool = False) -> tuple[str, list[dict[str, Any]]]:
    gone: dict[str, Answer] = {"DescribeUserPool": pool(TRIGGER), "GetFunctionConfiguration": in_turn(NOT_FOUND)}
    aws = Scripted({**gone, "UpdateUserPool": in_turn({}), **(answers or {})}, REGION)
    planned = Removal({}, {"Table": "t", "UserPool": POOL, "UserClient": "client"}, [], "", delete_data)
    return removal.untie(aws, planned), aws.made("UpdateUserPool")


def test_a_pool_that_is_kept_loses_the_trigger_that_went_with_the_stack_and_nothing_else() -> None:
    said, (updated,) = removed()
    assert said == "" and updated == {
        "UserPoolId": POOL, "LambdaConfig": {"PreSignUp": OTHER}, "AutoVerifiedAttributes": ["email"],
    }  # fmt: skip
    for answers in ({"DescribeUserPool": pool()}, {"GetFunctionConfiguration": in_turn({})}):
        assert removed(answers) == ("", [])
    assert removed(delete_data=True) == ("", [])
    assert removed({"UpdateUserPool": in_turn(Refusal("AccessDeniedException"))})[0] == "UpdateUserPool: no."


def test_doctor_knows_what_was_taken_and_whether_sign_ups_end_well() -> None:
    def examined(answers: dict[str, Answer], parameters: dict[str, str]) -> list[tuple[Verdict, str, str]]:
        ill = patient(stack=Stack(given={**template.load().defaults, **parameters}))
        object.__setattr__(ill, "aws", Scripted(answers, REGION))
        return [told(each) for each in doctor.examine(ill)]

    assert examined({}, {}) == []
    names = "loginq-Table-1, eu-west-1_pool, client"
    well = (Verdict.OK, f"of an earlier stack, and none of this one's to delete: {names}", "")
    assert examined({"DescribeUserPool": pool()}, LEFT) == [well]
    gone: dict[str, Answer] = {"DescribeUserPool": pool(TRIGGER), "GetFunctionConfiguration": in_turn(NOT_FOUND)}
    assert examined(gone, LEFT) == [(Verdict.BAD, taken.ORPHAN.format(POOL).removesuffix("."), taken.HOW_TO_MEND)]
    assert [each for each, _, _ in examined({}, {"TableName": "loginq-Table-1"})] == [Verdict.OK]
