"""Deployments as the bucket keeps them, and going back to one: what is noted, of whom, and what is refused."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from loginq.deploy import bundle, rollback, template
from loginq.deploy.artifacts import DEPLOYMENTS, bucket_name
from loginq.deploy.commit import commit
from loginq.deploy.deployment import Deployment
from loginq.deploy.deployments import KEPT, Deployed, Deployments, before
from loginq.service.rules.errors import Conflict, Failed, Invalid, LoginqError, NotFound
from loginq.service.rules.times import iso
from loginq.service.store.row_format import FORMAT, KEPT_FROM
from tests.unit.scripted import Answer, Refusal, Scripted, in_turn
from tests.unit.test_artifacts import ACCOUNT
from tests.unit.test_deployment import REGION
from tests.unit.test_lock import ROW
from tests.unit.test_stack import ID, MISSING, SET, change_set, stacks

START = datetime(2027, 1, 15, 8, tzinfo=UTC)
START_MS = int(START.timestamp() * 1_000)
ME = "arn:aws:iam::1:user/ada"
TEXT = """
Parameters:
  CodeBucket: {Type: String}
  CodeKey: {Type: String}
  SourcesHash: {Type: String}
  LoginqVersion: {Type: String}
  LeaseSeconds: {Type: Number, MinValue: 2, MaxValue: 3600, Default: 120}
Resources:
  Api: {Type: AWS::ApiGateway::RestApi, Properties: {Name: !Ref LeaseSeconds}}
  ApiDeployment: {Type: AWS::ApiGateway::Deployment, DependsOn: Api}
"""
NEWER = TEXT.replace("Resources:", "  Shiny: {Type: String}\n  Pass: {Type: String, NoEcho: true}\nResources:")


@dataclass
class Place:
    """A stack that is up and a bucket, as AWS would answer about both."""

    text: str = TEXT
    parameters: dict[str, str] = field(default_factory=dict)
    status: str = "UPDATE_COMPLETE"
    hours: int = 0
    objects: dict[str, bytes] = field(default_factory=dict)
    more: dict[str, Answer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        answers: dict[str, Answer] = {
            "DescribeStacks": lambda given: self.described(),
            "GetTemplate": lambda given: {"TemplateBody": self.deployed()},
            "HeadBucket": in_turn({}),
            "HeadObject": lambda given: {} if given["Key"] in self.objects else self.missing(),
            "PutObject": lambda given: self.objects.update({given["Key"]: given["Body"]}) or {},
            "GetObject": lambda given: {"Body": BytesIO(self.objects[given["Key"]])},
            "DeleteObject": lambda given: {"DeleteMarker": bool(self.objects.pop(given["Key"]))},
            "ListObjectsV2": lambda given: {
                "Contents": [{"Key": key} for key in sorted(self.objects) if key.startswith(given["Prefix"])]
            },
            "GetObjectTagging": in_turn({"TagSet": []}),
            "GetCallerIdentity": in_turn({"Arn": ME}),
            "GetItem": in_turn({}),
            "CreateChangeSet": in_turn({"Id": SET, "StackId": ID}),
            "DescribeChangeSet": in_turn(change_set("CREATE_COMPLETE", "Api")),
            "DeleteChangeSet": in_turn({}),
        }
        self.aws = Scripted({**answers, **self.more}, REGION)
        self.deployment = Deployment(self.aws, "loginq", ACCOUNT, REGION)
        self.kept = Deployments(self.deployment)

    def missing(self) -> dict[str, Any]:
        raise Refusal("404", status=404)

    def deployed(self) -> str:
        return template.read(self.text).deployable(self.parameters)

    def described(self) -> dict[str, Any]:
        return stacks(
            self.status,
            CreationTime=START,
            LastUpdatedTime=START + timedelta(hours=self.hours),
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in self.parameters.items()],
            Outputs=[{"OutputKey": "TableName", "OutputValue": "t"}],
        )

    def deploy(self, code: str, text: str = TEXT, *, sources: str | None = None, **more: str) -> dict[str, str]:
        """Somebody updates the stack; its parameters, of which nothing is noted yet."""
        self.hours, self.text = self.hours + 1, text
        lease = {"LeaseSeconds": self.parameters.get("LeaseSeconds", "60")}
        ours = {"CodeKey": code, "SourcesHash": sources or bundle.sources_hash(), "LoginqVersion": code[7:-4]}
        self.parameters = {"CodeBucket": bucket_name(ACCOUNT, REGION), **lease, **ours, **more}
        self.objects[code] = b"zip"
        return self.parameters

    def noted(self, code: str, text: str = TEXT, **more: str) -> Deployed:
        """A deploy of loginq as it should go."""
        parameters = {n: v for n, v in self.deploy(code, text, **more).items() if n != "Pass"}
        said: list[str] = []
        self.kept.keep(said.append, parameters)
        assert said == []
        return self.kept.read()[0]

    def names(self) -> list[str]:
        return [each.version for each in self.kept.read()]


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is here is looked at by other tests: it takes a third of the time of these."""
    monkeypatch.setattr(bundle, "sources_hash", lambda: "here")
    monkeypatch.setattr("loginq.deploy.deployments.commit", lambda: "0123456789abcdef")


def test_a_deploy_is_noted_with_who_when_and_what_and_without_secrets() -> None:
    place = Place()
    made = place.noted("loginq/1.zip", NEWER, Pass="secret", Shiny="yes")
    assert (made.who, made.name, made.at, made.code) == (ME, "user/ada", 1_800_003_600_000, "loginq/1.zip")
    assert (made.row_format, made.kept_from, made.of, made.version) == (FORMAT, KEPT_FROM, "", "1")
    assert made.parameters["Shiny"] == "yes"
    assert place.objects[made.template].decode() == NEWER
    notes = [text for key, text in place.objects.items() if key.startswith(f"{DEPLOYMENTS}loginq/")]
    assert len(notes) == 1 and b"secret" not in notes[0]
    place.kept.keep(print, place.parameters)
    place.kept.keep(print)
    assert place.names() == ["1"]


def test_what_was_deployed_without_a_note_is_noted_before_it_is_gone_and_of_nobody() -> None:
    place = Place()
    place.deploy("loginq/1.zip", sources="other")
    place.kept.keep(print)
    place.noted("loginq/2.zip")
    new, old = place.kept.read()
    assert (old.version, old.who, old.commit, old.row_format) == ("1", "", None, 0)
    assert (new.who, new.kept_from) == (ME, KEPT_FROM)
    with pytest.raises(Conflict, match="would lose what is in the rows: it knows their format 0, and they need 2"):
        rollback.plan(place.deployment)
    assert not place.aws.made("CreateChangeSet")


def test_what_somebody_else_has_deployed_since_is_not_noted_as_ones_own() -> None:
    place = Place()
    mine = dict(place.deploy("loginq/1.zip"))
    place.deploy("loginq/2.zip")
    place.kept.keep(print, mine)
    assert place.names() == []
    place.status = "UPDATE_IN_PROGRESS"
    said: list[str] = []
    place.kept.keep(said.append, mine)
    assert place.names() == [] and said[0].startswith("`loginq rollback` will not know what is deployed now:")


def test_a_stack_that_changes_while_it_is_looked_at_is_not_noted() -> None:
    place = Place()
    place.deploy("loginq/1.zip")
    place.aws._answers["GetTemplate"] = lambda given: {"TemplateBody": place.deploy("loginq/2.zip") and TEXT}
    with pytest.raises(Conflict, match="Somebody else deployed meanwhile"):
        place.kept.running()


def test_ten_are_kept_whatever_the_clocks_say_and_one_that_goes_meanwhile_is_no_failure() -> None:
    place = Place()
    for n in range(KEPT):
        note = Deployed(START_MS + n, f"loginq/{n}.zip", "t", {"LoginqVersion": str(n)}, id=str(n))
        place.objects[f"{DEPLOYMENTS}loginq/{iso(note.at)}-{n}.json"] = json.dumps(asdict(note)).encode()
    for n in range(KEPT, KEPT + 2):
        place.hours = -5  # CloudFormation's instants may go back, the order may not
        place.noted(f"loginq/{n}.zip")
    assert place.names() == [str(n) for n in reversed(range(2, KEPT + 2))]
    place.aws._answers["ListObjectsV2"] = in_turn(
        {"Contents": [{"Key": key} for key in (*place.kept._keys(), f"{DEPLOYMENTS}loginq/0.json")]}
    )
    place.aws._answers["GetObject"] = gone_once(place)
    assert len(place.kept.read()) == KEPT - 1


def gone_once(place: Place) -> Answer:
    def answer(given: dict[str, Any]) -> dict[str, Any]:
        key = max(key for key in place.objects if key.startswith(DEPLOYMENTS))
        if given["Key"] == key:
            raise Refusal("NoSuchKey", status=404)
        return {"Body": BytesIO(place.objects[given["Key"]])}

    return answer


@pytest.mark.parametrize(
    ("history", "to"),
    [
        ("a", None),
        ("a a", None),
        ("b a", "a"),
        ("b b a", "a"),  # a parameter alone is no other code
        ("a>3 b a", None),
        ("b>3 c b a", "a"),  # a second rollback goes on
        ("b b>4 c b a", "a"),
        ("c>2 b>4 c b a", "b"),  # somebody wanted it forward again: from there it is what was before that
        ("b>9 c a", None),  # what that put back is not kept any more
    ],
)
def test_what_is_before(history: str, to: str | None) -> None:
    """Newest first, each by its code, with the number (from 1) of what it put back."""
    words = history.split()
    every = [Deployed(0, word[0], "t", {}, id=str(n), of=word[2:]) for n, word in enumerate(words, start=1)]
    found = before(every)
    assert (found and found.code) == to
    assert before([]) is None


def test_going_back_keeps_the_parameters_of_now_and_names_those_that_are_dropped() -> None:
    place = Place()
    old = place.noted("loginq/1.zip")
    place.noted("loginq/2.zip", NEWER, Shiny="much", LeaseSeconds="90")
    back = rollback.plan(place.deployment)
    assert (back.to, back.running.version, back.dropped, back.changes) == (old, "2", {"Shiny": "much"}, True)
    (asked,) = place.aws.made("CreateChangeSet")
    given = {each["ParameterKey"]: each.get("ParameterValue") for each in asked["Parameters"]}
    assert given == {
        "CodeBucket": None, "LeaseSeconds": None, "CodeKey": "loginq/1.zip", "LoginqVersion": "1",
        "SourcesHash": bundle.sources_hash(),
    }  # fmt: skip
    assert back.plan.parameters["LeaseSeconds"] == "90"
    text = place.objects[f"loginq/{asked['TemplateURL'].rpartition('/')[2]}"].decode()
    assert template.plain(text) == TEXT
    assert (
        text == template.read(TEXT).deployable(back.plan.parameters) != template.read(TEXT).deployable(old.parameters)
    )


def test_a_rollback_that_was_cut_off_is_finished_by_the_same_command_and_not_gone_on_from() -> None:
    """The change set was executed, and then nothing more was said, neither by whom nor of what."""
    place = Place()
    place.noted("loginq/0.zip")
    old = place.noted("loginq/1.zip")
    bad = place.noted("loginq/2.zip")
    place.deploy("loginq/1.zip")
    for _ in range(2):
        back = rollback.plan(place.deployment)
        assert (back.running, back.to, back.plan.change_set) == (bad, old, None)
    place.kept.keep(print, back.plan.parameters, back.to)
    done = place.kept.read()[0]
    assert (done.of, done.who, done.commit) == (old.id, ME, old.commit)
    assert rollback.plan(place.deployment).to.version == "0"
    assert rollback.plan(place.deployment, old.id[:6]).plan.change_set is None
    assert rollback.plan(place.deployment, bad.id).to == bad


def test_what_a_newer_format_wrote_is_not_left_to_an_older_one_two_steps_back() -> None:
    """A version whose rows need a later format ran, and one that keeps it after it: this one would lose them still."""
    place = Place()
    place.noted("loginq/1.zip")
    place.noted("loginq/3.zip")
    key = place.kept._keys()[-1]
    place.objects[key] = json.dumps(
        {**json.loads(place.objects[key]), "row_format": FORMAT + 2, "kept_from": FORMAT + 1, "later": 1}
    ).encode()
    made = place.noted("loginq/2.zip")
    assert made.kept_from == FORMAT + 1
    with pytest.raises(Conflict, match=f"they need {FORMAT + 1} or later"):
        rollback.plan(place.deployment, place.kept.read()[2].id)


def gone(place: Place) -> None:
    del place.objects["loginq/1.zip"]


def locked(place: Place) -> None:
    place.aws._answers["GetItem"] = in_turn(ROW)


def another(place: Place) -> None:
    place.aws._answers["CreateChangeSet"] = lambda given: {"Id": SET, "StackId": place.deploy("loginq/9.zip") and ID}


def status(word: str) -> Callable[[Place], None]:
    def become(place: Place) -> None:
        place.status = word

    return become


@pytest.mark.parametrize(
    ("spoil", "named", "kind", "says"),
    [
        (lambda place: None, "x", NotFound, "No deployment that is kept has an id that begins with 'x'"),
        (lambda place: None, "", NotFound, "No deployment before this one that is kept has other code"),
        (gone, None, NotFound, "loginq/1.zip of 1 .* is not in the bucket"),
        (locked, None, Conflict, "locked by user/ada since"),
        (another, None, Conflict, "Somebody else deployed meanwhile"),
        (status("UPDATE_IN_PROGRESS"), None, Conflict, "is being changed"),
        (status("UPDATE_ROLLBACK_FAILED"), None, Failed, "UPDATE_ROLLBACK_FAILED"),
        (status("ROLLBACK_COMPLETE"), None, NotFound, "No stack 'loginq' is up here"),
        (lambda place: place.parameters.update(LeaseSeconds="5000"), None, Invalid, "LeaseSeconds cannot be 5000"),
        (
            lambda place: place.parameters.update(TableName="left"),
            None,
            Conflict,
            "1 .* cannot take over left:",
        ),
    ],
)
def test_what_is_refused_leaves_no_change_set(
    spoil: Callable[[Place], None], named: str | None, kind: type[LoginqError], says: str
) -> None:
    place = Place()
    place.noted("loginq/1.zip")
    if named != "":
        place.noted("loginq/2.zip")
    spoil(place)
    with pytest.raises(kind, match=says):
        rollback.plan(place.deployment, named)
    assert len(place.aws.made("CreateChangeSet")) == len(place.aws.made("DeleteChangeSet")) == (spoil is another)


def test_nothing_is_kept_where_there_is_no_bucket_and_no_stack() -> None:
    place = Place(more={"HeadBucket": in_turn(Refusal("404", status=404)), "DescribeStacks": in_turn(MISSING)})
    assert (place.kept.read(), place.kept.running()) == ([], None)
    place.kept.keep(print, {})


def test_the_commit_is_that_of_loginqs_own_checkout_or_none(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        return subprocess.run(["git", *who, *words], cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    code = tmp_path / "loginq" / "code.py"
    code.parent.mkdir()
    code.write_text("")
    assert commit(tmp_path) is None
    git("init", "-q")
    assert commit(tmp_path) is None
    git("add", ".")
    git("commit", "-qm", "one")
    made = git("rev-parse", "HEAD").strip()
    (tmp_path / "notes").write_text("beside it")
    assert commit(tmp_path) == made
    assert commit(code.parent) is None, "somebody's repository around an installed package says nothing of it"
    code.write_text("changed")
    assert commit(tmp_path) == f"{made}-dirty"
    assert replace(Deployed(0, "c", "t", {}), commit=f"{made}-dirty").short_commit == f"{made[:8]}-dirty"
