"""The artifact bucket: nobody else's, its settings put right each time, its URL in every partition, its old things."""

import json
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import jmespath  # type: ignore[import-untyped]
import pytest

from loginq.deploy.artifacts import DEPLOYMENTS, SUPERSEDED, Artifacts, how_to_delete, named_by_stacks
from loginq.service.rules.errors import Refused
from tests.unit.scripted import Answer, Refusal, Scripted, in_turn

ACCOUNT = "123456789012"
BUCKET = f"loginq-artifacts-{ACCOUNT}-eu-west-1"
OWNED = ("Bucket", "ExpectedBucketOwner")
PUTS = ("PutPublicAccessBlock", "PutBucketEncryption", "PutBucketVersioning", "PutBucketPolicy")
BARE: dict[str, Answer] = {
    "HeadBucket": in_turn({}),
    "CreateBucket": in_turn({}),
    "GetBucketEncryption": in_turn(Refusal("ServerSideEncryptionConfigurationNotFoundError", status=404)),
    "GetBucketPolicy": in_turn(Refusal("NoSuchBucketPolicy", status=404)),
    "GetBucketLifecycleConfiguration": in_turn(Refusal("NoSuchLifecycleConfiguration", status=404)),
    "PutBucketLifecycleConfiguration": in_turn({}),
    **dict.fromkeys(PUTS, in_turn({})),
}


def listing(found: dict[str, list[dict[str, Any]]]) -> Answer:
    """What is under each prefix."""
    return lambda given: {"Contents": found.get(given["Prefix"], [])}


def bucket_of(answers: dict[str, Answer], region: str = "eu-west-1") -> tuple[Artifacts, Scripted]:
    aws = Scripted(answers, region)
    return Artifacts(aws, ACCOUNT, region), aws


@pytest.mark.parametrize("missing", [True, False])
def test_new_or_half_made_a_bucket_gets_its_settings(missing: bool) -> None:
    head = in_turn(Refusal("404", status=404)) if missing else in_turn({})
    artifacts, aws = bucket_of({**BARE, "HeadBucket": head})
    assert artifacts.make() is missing
    assert len(aws.made("CreateBucket")) == missing
    (access,) = aws.made("PutPublicAccessBlock")
    assert set(access["PublicAccessBlockConfiguration"].values()) == {True}
    (encryption,) = aws.made("PutBucketEncryption")
    assert "AES256" in str(encryption)
    (versioning,) = aws.made("PutBucketVersioning")
    assert versioning["VersioningConfiguration"] == {"Status": "Enabled"}
    (policy,) = aws.made("PutBucketPolicy")
    (statement,) = json.loads(policy["Policy"])["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    (lifecycle,) = aws.made("PutBucketLifecycleConfiguration")
    superseded, noncurrent = lifecycle["LifecycleConfiguration"]["Rules"]
    assert superseded["Filter"] == {"Tag": {"Key": SUPERSEDED, "Value": "true"}}
    assert superseded["Expiration"] == {"Days": 30}
    assert noncurrent["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}


def test_what_a_studio_set_itself_stays() -> None:
    theirs = {"Sid": "Audit", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}
    rule = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "x"}, "Expiration": {"Days": 1}}
    artifacts, aws = bucket_of(BARE)
    artifacts.make()
    (ours,) = json.loads(aws.made("PutBucketPolicy")[0]["Policy"])["Statement"]
    earlier = {name: value for name, value in ours.items() if name != "Sid"}
    rules = aws.made("PutBucketLifecycleConfiguration")[0]["LifecycleConfiguration"]["Rules"]
    kms = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]}
    artifacts, aws = bucket_of(
        {
            **BARE,
            "GetBucketEncryption": in_turn({"ServerSideEncryptionConfiguration": kms}),
            "GetBucketPolicy": in_turn({"Policy": json.dumps({"Statement": [theirs, earlier, ours]})}),
            "GetBucketLifecycleConfiguration": in_turn({"Rules": [rule, *rules]}),
        }
    )
    artifacts.make()
    assert not aws.made("PutBucketEncryption")
    assert json.loads(aws.made("PutBucketPolicy")[0]["Policy"])["Statement"] == [theirs, ours]
    (lifecycle,) = aws.made("PutBucketLifecycleConfiguration")
    assert lifecycle["LifecycleConfiguration"]["Rules"] == [rule, *rules]


def test_a_setting_that_may_not_be_read_is_told() -> None:
    artifacts, _ = bucket_of({**BARE, "GetBucketPolicy": in_turn(Refusal("AccessDenied", status=403))})
    with pytest.raises(Refused):
        artifacts.make()


def test_a_bucket_of_somebody_else_gets_nothing() -> None:
    artifacts, aws = bucket_of({"HeadBucket": in_turn(Refusal("403", "Forbidden", 403))})
    with pytest.raises(Refused, match=f"The artifact bucket {BUCKET} is not yours to use"):
        artifacts.make()
    assert [name for name, _ in aws.calls] == ["HeadBucket"]


def test_every_call_names_the_owner() -> None:
    """A bucket of that name that is deleted and made again by somebody else must not get the bundle."""
    head = in_turn(Refusal("404", status=404), {})
    tagging = {"TagSet": [{"Key": SUPERSEDED, "Value": "true"}]}
    artifacts, aws = bucket_of(
        {
            **BARE,
            "HeadObject": head,
            "PutObject": in_turn({}),
            "ListObjectsV2": listing({"loginq/": [{"Key": "loginq/a.zip", "LastModified": datetime.now(UTC)}]}),
            "GetObjectTagging": in_turn(tagging),
            "PutObjectTagging": in_turn({}),
        }
    )
    artifacts.make()
    artifacts.put("loginq/a.zip", b"a")
    artifacts.put("loginq/a.zip", b"a")
    artifacts.supersede([])
    assert {"PutObject", "PutObjectTagging", "ListObjectsV2"} <= {name for name, _ in aws.calls}
    for name, given in aws.calls:
        if name != "CreateBucket":
            assert (name, *(given.get(each) for each in OWNED)) == (name, BUCKET, ACCOUNT)


def test_what_is_there_is_not_uploaded_and_what_is_used_again_is_not_superseded() -> None:
    tags = [{"Key": "team", "Value": "a"}, {"Key": SUPERSEDED, "Value": "true"}]
    artifacts, aws = bucket_of(
        {
            "HeadObject": in_turn({}),
            "GetObjectTagging": in_turn({"TagSet": tags}, {"TagSet": tags[:1]}),
            "PutObjectTagging": in_turn({}),
        }
    )
    assert artifacts.put("loginq/a.zip", b"a") is False
    assert artifacts.put("loginq/a.zip", b"a") is False
    assert [each["Tagging"] for each in aws.made("PutObjectTagging")] == [{"TagSet": tags[:1]}]


def test_a_refused_look_is_not_an_upload() -> None:
    artifacts, aws = bucket_of({"HeadObject": in_turn(Refusal("403", status=403))})
    with pytest.raises(Refused):
        artifacts.put("loginq/a.zip", b"a")
    assert not aws.made("PutObject")


def test_what_nothing_names_and_is_not_among_the_last_ten_is_superseded() -> None:
    """Fourteen bundles; the newest ten are kept, an old one that a stack names, and one that a deployment's note does,
    whose template is kept, too. Two pages of objects."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    made = [{"Key": f"loginq/{n:02}.zip", "LastModified": start + timedelta(days=n)} for n in range(14)]
    made += [{"Key": f"loginq/{n:02}.yaml", "LastModified": start - timedelta(days=n)} for n in range(11)]
    tagged = {"loginq/01.zip": [{"Key": SUPERSEDED, "Value": "true"}], "loginq/02.zip": [{"Key": "k", "Value": "v"}]}

    def tags(given: dict[str, Any]) -> dict[str, Any]:
        return {"TagSet": tagged.get(given["Key"], [])}

    pages = in_turn({"IsTruncated": True, "NextContinuationToken": "2", "Contents": made[:9]}, {"Contents": made[9:]})
    notes = listing({DEPLOYMENTS: [{"Key": f"{DEPLOYMENTS}loginq/1.json"}]})
    note = json.dumps({"code": "loginq/00.zip", "template": "loginq/10.yaml", "of a later version": 1}).encode()
    artifacts, aws = bucket_of(
        {
            "ListObjectsV2": lambda given: pages(given) if given["Prefix"] == "loginq/" else notes(given),
            "GetObject": lambda given: {"Body": BytesIO(note)},
            "GetObjectTagging": tags,
            "PutObjectTagging": in_turn({}),
        }
    )
    artifacts.supersede(["loginq/01.zip"])
    put = {each["Key"]: {tag["Key"] for tag in each["Tagging"]["TagSet"]} for each in aws.made("PutObjectTagging")}
    assert put == {
        "loginq/01.zip": set(),
        "loginq/02.zip": {"k", SUPERSEDED},
        "loginq/03.zip": {SUPERSEDED},
    }


def test_a_stack_names_what_it_runs_and_what_it_would_go_back_to() -> None:
    def stack(name: str, bucket: str, new: str, old: str | None = None) -> dict[str, Any]:
        parameters = [("CodeBucket", bucket), ("CodeKey", new)]
        return {
            "StackName": name,
            "CreationTime": datetime.now(UTC),
            "StackStatus": "UPDATE_IN_PROGRESS",
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters],
            "Outputs": [{"OutputKey": "CodeKey", "OutputValue": old}] if old else [],
        }

    none = {"StackName": "z", "CreationTime": datetime.now(UTC), "StackStatus": "CREATE_COMPLETE"}
    pages = (
        {"Stacks": [stack("a", BUCKET, "loginq/2.zip", "loginq/1.zip"), none], "NextToken": "2"},
        {"Stacks": [stack("b", BUCKET, "loginq/3.zip"), stack("c", "another", "loginq/4.zip")]},
    )
    aws = Scripted({"DescribeStacks": in_turn(*pages)})
    assert named_by_stacks(aws, BUCKET) == {"a": {"loginq/1.zip", "loginq/2.zip"}, "b": {"loginq/3.zip"}}


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-east-1", "s3.us-east-1.amazonaws.com"),
        ("eu-west-1", "s3.eu-west-1.amazonaws.com"),
        ("cn-north-1", "s3.cn-north-1.amazonaws.com.cn"),
        ("eusc-de-east-1", "s3.eusc-de-east-1.amazonaws.eu"),
        ("us-gov-west-1", "s3.us-gov-west-1.amazonaws.com"),
    ],
)
def test_the_template_is_where_its_partition_has_it(region: str, host: str) -> None:
    artifacts, _ = bucket_of({}, region)
    assert artifacts.url("loginq/t.yaml") == f"https://loginq-artifacts-{ACCOUNT}-{region}.{host}/loginq/t.yaml"


def test_on_the_emulator_the_template_is_there() -> None:
    aws = Scripted({}, "us-east-1", "http://127.0.0.1:4566")
    assert Artifacts(aws, ACCOUNT, "us-east-1").url("k").startswith("http://127.0.0.1:4566/loginq-artifacts-")


def test_the_commands_that_delete_the_bucket_find_every_version() -> None:
    delete, away = how_to_delete(BUCKET, "eu-west-1")
    query = delete.partition("--query '")[2].partition("'")[0]
    version, marker = {"Key": "a", "VersionId": "1", "Size": 5}, {"Key": "a", "VersionId": "2", "IsLatest": True}
    wanted = {"Objects": [{"Key": "a", "VersionId": "1"}, {"Key": "a", "VersionId": "2"}]}
    assert jmespath.search(query, {"Versions": [version], "DeleteMarkers": [marker]}) == wanted
    assert jmespath.search(query, {"Versions": [version]}) == {"Objects": wanted["Objects"][:1]}
    assert away == f"aws s3api delete-bucket --region eu-west-1 --bucket {BUCKET}"
