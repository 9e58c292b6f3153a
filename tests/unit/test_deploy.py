"""Bundle, template and `.env`: what is deployed is reproducible, checked, and touches nothing else."""

import hashlib
import io
import os
import re
import struct
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from loginq.deploy import bundle, envfile, pip, template
from loginq.deploy.assets import REQUIREMENTS
from loginq.deploy.imports import missing, needed
from loginq.service.operations.target import Target
from loginq.service.rules.errors import Failed, Invalid
from loginq.service.rules.line import Line
from loginq.service.rules.settings import Rules
from loginq.service.rules.times import SECOND

LOCAL = Target("loginq", "us-east-1", "t", "http://q", "pool", "client", "http://api", "http://127.0.0.1:1", "k", "s")
CLOUD = Target("loginq", "eu-west-1", "t", "https://q", "pool", "client", "https://api")
HANDLERS = (
    "authorize_player",
    "generate_load", "get_jwks", "get_line", "get_login_status", "process_login_queue", "put_player_info",
    "queue_player_login", "report_sessions", "settle_line",
)  # fmt: skip


# The bundle


def test_the_same_input_gives_the_same_bytes_named_by_their_hash() -> None:
    first, second = bundle.build(for_aws=False), bundle.build(for_aws=False)
    assert first.content == second.content
    assert first.key == second.key
    assert len(first.key) == len("loginq/.zip") + 64
    names = zipfile.ZipFile(io.BytesIO(first.content)).namelist()
    assert names == sorted(names)
    assert {f"lambdas/{name}.py" for name in HANDLERS} < set(names)
    assert not [name for name in names if not name.startswith(("lambdas/", "loginq/service/", "loginq/__init__.py"))]


_BARE = """
import re
import sys
sys.path.insert(0, sys.argv[1])
UNUSED = sys.argv[2].split(",")

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("typer", "rich", "pycognito", "ministack", "hypercorn", "dotenv", "cfnlint"):
            raise ImportError(name + " is not in a Lambda")
        if name.startswith(tuple(UNUSED)):
            raise ImportError(name + " is left out of the bundle")
        if name.startswith("loginq.") and not name.startswith("loginq.service"):
            raise ImportError(name + " is not in a Lambda")

sys.meta_path.insert(0, Refuse())
import importlib
late = {"boto3", "s3transfer", "jwt", "cryptography", "requests", "asyncio", "multiprocessing"}
for name in sys.argv[3:]:
    module = importlib.import_module("lambdas." + name)
    # What a cold start pays for, and only some calls need, if any.
    assert name == "authorize_player" or not late & set(sys.modules), late & set(sys.modules)
    assert module.__file__.startswith(sys.argv[1]), module.__file__
    assert callable(module.handler)
assert sys.modules["loginq.service.rules.line"].__file__.startswith(sys.argv[1])
from loginq.service.store.signing import mint, new_keys
key = new_keys(0).active
assert mint(key, issuer="i", sub="s", ticket="t", position=1, admitted_at=0, admission=1).count(".") == 2
"""


def test_the_bundle_imports_in_a_bare_interpreter_without_network_or_environment(tmp_path: Path) -> None:
    archive = tmp_path / "bundle.zip"
    archive.write_bytes(bundle.build(for_aws=False).content)
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-c",
            _BARE,
            str(archive),
            ",".join(bundle.UNUSED).replace("/", "."),
            *reversed(HANDLERS),
        ],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def _elf(machine: int, bits: int = 2) -> bytes:
    return b"\x7fELF" + bytes([bits, 1, 1]) + bytes(9) + struct.pack("<HH", 3, machine) + bytes(40)


def test_objects_for_another_machine_are_found() -> None:
    files = {
        "good.so": _elf(183),
        "pure.py": b"x = 1",
        "x86.cpython-313-x86_64-linux-gnu.so": _elf(62),
        "arm32.so": _elf(40, bits=1),
        "mac.so": b"\xcf\xfa\xed\xfe" + bytes(60),
        "program": _elf(62),
    }
    assert bundle.foreign_objects(files) == [
        "arm32.so", "mac.so", "program", "x86.cpython-313-x86_64-linux-gnu.so",
    ]  # fmt: skip


@pytest.mark.network
def test_the_bundle_for_aws_is_reproducible_and_for_arm64() -> None:
    first, second = bundle.build(for_aws=True), bundle.build(for_aws=True)
    assert first.content == second.content
    archive = zipfile.ZipFile(io.BytesIO(first.content))
    files = {name: archive.read(name) for name in archive.namelist()}
    assert "aws_lambda_powertools/__init__.py" in files
    assert [name for name in files if name.startswith("cryptography/") and name.endswith(".so")]
    assert bundle.foreign_objects(files) == []
    assert not [name for name in files if name.startswith(tuple(f"{part}/" for part in bundle.UNUSED))]
    assert not [name for name in files if "__pycache__" in name or name.startswith(("typer/", "rich/", "ministack/"))]


def test_a_requirement_that_pip_cannot_get_is_told() -> None:
    with pytest.raises(Failed) as failed:
        bundle.build(for_aws=True, run=_said(install=(1, "a warning\nERROR: No matching distribution found for jwt\n")))
    assert (failed.value.message, failed.value.hint) == (
        "pip could not get the Lambdas' dependencies: ERROR: No matching distribution found for jwt",
        "Is PyPI within reach, and pip installed?",
    )


# pip


def test_pip_comes_with_the_package() -> None:
    """`uv tool install` makes an environment that has no other."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert [each for each in project["dependencies"] if re.match(r"pip\b", each)]


NEEDED = (
    "aws_lambda_powertools", "aws_lambda_powertools.logging.formatter", "aws_lambda_powertools.metrics",
    "cryptography.hazmat.primitives", "cryptography.hazmat.primitives.asymmetric", "jwt", "jwt.algorithms",
)  # fmt: skip
"""What the functions import besides what Lambda brings."""


def _wheel(folder: Path, modules: Sequence[str] = NEEDED) -> str:
    """A wheel `stand-in` in `folder`, with these packages and nothing in them; the requirement that names it."""
    info = "stand_in-1.0.dist-info"
    content = {f"{module.replace('.', '/')}/__init__.py": "" for module in modules}
    content[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    content[f"{info}/METADATA"] = "Metadata-Version: 2.1\nName: stand-in\nVersion: 1.0\n"
    content[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*content, f"{info}/RECORD"])
    file = folder / "stand_in-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in content.items():
            archive.writestr(name, text)
    return f"stand-in==1.0 --hash=sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}\n"


def test_neither_the_folders_modules_nor_pips_settings_can_break_or_empty_the_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only where packages are is taken from the settings: here a folder of wheels, named relative to this one."""
    (tmp_path / "wheels").mkdir()
    requirements, ran = tmp_path / "requirements.txt", tmp_path / "ran"
    requirements.write_text(_wheel(tmp_path / "wheels"))
    (tmp_path / "pip").mkdir()
    for name in ("types.py", "typing.py", "pip/__init__.py", "pip/__main__.py"):
        (tmp_path / name).write_text(f"open({str(ran)!r}, 'a').write({name!r})\n")
    (tmp_path / "pip.conf").write_text(
        "[global]\nno-index = yes\nquiet = 3\nrequire-virtualenv = yes\n"
        "[install]\nuser = yes\nfind-links = wheels\nconstraint = /nowhere\n[config]\nuser = yes\n"
    )
    settings = {"CONFIG_FILE": "pip.conf", "USER": "1", "DRY_RUN": "1", "PREFIX": "/x", "TARGET": "/y", "REPORT": "-"}
    for name, value in settings.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    for name in pip.KEPT:
        monkeypatch.delenv(f"PIP_{name.upper().replace('-', '_')}", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(bundle, "REQUIREMENTS", requirements)
    names = zipfile.ZipFile(io.BytesIO(bundle.build(for_aws=True).content)).namelist()
    assert {"jwt/algorithms/__init__.py", "aws_lambda_powertools/__init__.py", "lambdas/get_jwks.py"} < set(names)
    assert not ran.exists()


def _said(settings: str = "", config: tuple[int, str] = (0, ""), install: tuple[int, str] = (0, "")) -> pip.Run:
    """A pip with these settings, that ends with these codes and complaints, and does nothing."""

    def run(command: list[str], **options: object) -> "subprocess.CompletedProcess[str]":
        code, complaint = config if "config" in command else install
        return subprocess.CompletedProcess(command, code, settings, complaint)

    return run


def test_a_bundle_without_what_the_functions_import_is_refused() -> None:
    with pytest.raises(Failed) as failed:
        bundle.build(for_aws=True, run=_said())
    assert failed.value.message == (
        "The bundle would lack what its functions import: aws_lambda_powertools, "
        "aws_lambda_powertools.logging.formatter, aws_lambda_powertools.metrics, "
        "cryptography.hazmat.primitives, cryptography.hazmat.primitives.asymmetric, jwt, jwt.algorithms."
    )


def test_settings_of_pip_that_cannot_be_read_are_told() -> None:
    with pytest.raises(Failed, match=r"pip's settings cannot be read: broken"):
        bundle.build(for_aws=True, run=_said(config=(1, "Traceback\nbroken\n")))


def test_of_pips_settings_those_are_kept_that_say_where_packages_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my ca.pem").touch()
    (tmp_path / "my wheels").mkdir()
    (tmp_path / "more").mkdir()
    said = """:env:.proxy='http://env:1'
global.cert='my ca.pem'
global.extra-index-url='\\nhttps://a/simple\\nhttps://b/simple'
global.index-url='https://global/simple'
global.proxy='http://global:1'
install.find-links='more https://c'
install.index-url='https://me:it\\'s@install/simple'
install.no-index=''
install.prefix='/x'
download.index-url='https://download/simple'
install.user='true'
a line of another kind
"""
    assert pip.settings(str(tmp_path), _said(said)) == {
        "PIP_PROXY": "http://env:1",
        "PIP_CERT": str(tmp_path / "my ca.pem"),
        "PIP_EXTRA_INDEX_URL": "https://a/simple https://b/simple",
        "PIP_INDEX_URL": "https://me:it's@install/simple",
        "PIP_FIND_LINKS": f"file://{tmp_path}/more https://c",
    }


@pytest.mark.parametrize(
    ("source", "lost"),
    [
        ("import json, boto3, botocore.session", []),
        ("import absent", ["absent"]),
        ("def f():\n    from absent.deep import thing", ["absent.deep"]),
        ("from present import gone", []),
        ("import present.gone", ["present.gone"]),
        ("from compiled.half import thing", []),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import absent\nelse:\n    import other", ["other"]),
        ("from loginq.service import far", ["behind.far"]),
        ("import loginq.service.far", ["behind.far"]),
        ("from loginq.cli import console", ["loginq.cli"]),
    ],
)
def test_what_a_handler_imports_is_followed_through_our_own_files(source: str, lost: list[str]) -> None:
    files = {
        "lambdas/one.py": source,
        "loginq/service/__init__.py": "",
        "loginq/service/far.py": "import behind.far",
        "loginq/service/unused.py": "import nobody",
        "present/__init__.py": "import whatever",
        "compiled/half.abi3.so": "",
    }
    content = {name: text.encode() for name, text in files.items()}
    assert missing(content) == lost
    far = ["loginq/service/__init__.py", "loginq/service/far.py"] if "far" in source else []
    assert [name for name in needed(content) if name.startswith("loginq/")] == far


def test_the_hash_of_the_sources_follows_the_files_and_the_requirements(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = bundle.sources_hash()
    assert before == bundle.sources_hash()
    changed = tmp_path / "requirements.txt"
    changed.write_bytes(REQUIREMENTS.read_bytes() + b"#")
    monkeypatch.setattr(bundle, "REQUIREMENTS", changed)
    assert bundle.sources_hash() != before


# The template


def test_the_deployment_of_the_api_is_named_after_what_it_deploys() -> None:
    source = template.load()
    name = "ApiDeployment" + source.api_hash({})
    text = source.deployable({})
    assert text.count(name) == 2 and "ApiDeployment\n" not in text
    assert source.api_hash({"CorsOrigin": "https://game.example"}) != source.api_hash({})
    assert source.api_hash({"CorsOrigin": "*"}) == source.api_hash({})
    assert source.api_hash({"LeaseSeconds": "10", "CodeKey": "x"}) == source.api_hash({})
    with_line = source.api_hash({"PublicLine": "true"})
    assert with_line == source.api_hash({"Edge": "true"}) != source.api_hash({}) == source.api_hash({"Edge": "false"})
    resources = {**source.document["Resources"]}
    for changed, properties, differs in (
        ("GetLogin", {"changed": True}, True), ("Throttled", {"changed": True}, True), ("Table", {}, False),
        ("Stage", {}, False), ("UserPool", {"AliasAttributes": ["phone_number"]}, True),  # another pool
        ("UserPool", {**resources["UserPool"]["Properties"], "UserPoolTier": "PLUS"}, False),
    ):  # fmt: skip
        other = {**resources, changed: {**resources[changed], "Properties": properties}}
        document = {**source.document, "Resources": other}
        assert (template.Template(source.text, document).api_hash({}) != source.api_hash({})) is differs, changed


def test_an_older_template_whose_pool_is_always_its_own_can_be_deployed_again() -> None:
    now = template.load()
    older = now.text.replace("ProviderARNs: [\n", "ProviderARNs: [!GetAtt UserPool.Arn] }\n#", 1)
    assert older != now.text and "ApiDeployment" in template.read(older).deployable({})


def test_every_method_is_in_the_deployment() -> None:
    resources = template.load().document["Resources"]
    kinds = ("AWS::ApiGateway::Method", "AWS::ApiGateway::GatewayResponse")
    deployment, every = resources["ApiDeployment"], {n: r for n, r in resources.items() if r["Type"] in kinds}
    assert set(deployment["DependsOn"]) == {name for name, each in every.items() if "Condition" not in each}
    (conditional,) = every.keys() - set(deployment["DependsOn"])
    named = ["HasPublicLine", {"Ref": conditional}, {"Ref": "AWS::NoValue"}]
    assert (every[conditional]["Condition"], deployment["Properties"]["Description"]["If"]) == (named[0], named)


def test_who_may_call_what() -> None:
    resources = template.load().document["Resources"]
    methods = {n: r["Properties"] for n, r in resources.items() if r["Type"] == "AWS::ApiGateway::Method"}
    asked = {name: each["AuthorizationType"] for name, each in methods.items()}
    public = {name for name, kind in asked.items() if kind == "NONE"}
    preflights = {name for name, each in methods.items() if each["HttpMethod"] == "OPTIONS"}
    assert public == {"GetJwksMethod", "GetLineMethod", "PostServer"} | preflights  # the last asks for a key
    assert {name for name, kind in asked.items() if kind == "AWS_IAM"} == {"PostSessions"}
    theirs = {"If": ["Foreign", "CUSTOM", "COGNITO_USER_POOLS"]}
    players = {name for name, kind in asked.items() if kind == theirs}
    assert players == {"GetLogin", "DeleteLogin", "GetStatus"}
    by = {"If": ["Foreign", {"Ref": "ProviderAuthorizer"}, {"Ref": "Authorizer"}]}
    assert all(methods[name]["AuthorizerId"] == by for name in players)
    (provider,) = resources["Authorizer"]["Properties"]["ProviderARNs"]
    assert provider["If"][:2] == ["MakesPool", {"GetAtt": "UserPool.Arn"}]
    assert provider["If"][2]["Sub"].endswith(":userpool/${UserPoolId}")


def test_nothing_has_a_physical_name() -> None:
    names = {"TableName", "QueueName", "FunctionName", "RoleName", "LogGroupName", "UserPoolName", "ClientName"}
    for name, resource in template.load().document["Resources"].items():
        found = {
            each
            for each in names & set(resource.get("Properties", {}))
            if isinstance(resource["Properties"][each], str)
        }
        assert not found, name


def test_every_function_has_a_role_and_a_log_group_of_its_own_and_no_star() -> None:
    resources = template.load().document["Resources"]
    functions = {name: each for name, each in resources.items() if each["Type"] == "AWS::Lambda::Function"}
    assert len(functions) == len(HANDLERS)
    for name, function in functions.items():
        properties = function["Properties"]
        assert properties["Role"] == {"GetAtt": f"{name}Role.Arn"}
        assert properties["LoggingConfig"] == {
            "LogGroup": {"Ref": f"{name}Logs"}, "LogFormat": "JSON", "SystemLogLevel": "WARN",
            "ApplicationLogLevel": {"If": ["Debugs", "DEBUG", "INFO"]},
        }  # fmt: skip
        assert (properties["Runtime"], properties["Architectures"]) == ("python3.13", ["arm64"])
        assert properties["Environment"]["Variables"]["POWERTOOLS_LOG_LEVEL"]
        for policy in resources[f"{name}Role"]["Properties"]["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                assert not [action for action in statement["Action"] if "*" in action]
                named = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
                # Of each service one resource, so that an action reaches no other.
                of = {"Table.Arn": "dynamodb", "Intake.Arn": "sqs", "SigningKeys.Id": "secretsmanager"}
                own = [each["If"][1] if "If" in each else each for each in named]
                services = [{**of, f"{name}Logs.Arn": "logs"}[each["GetAtt"]] for each in own]
                taken = [each["If"][2]["Sub"] for each in named if "If" in each]
                assert [each.rpartition(":")[2] for each in taken] == ["table/${TableName}"] * ("dynamodb" in services)
                assert {action.partition(":")[0] for action in statement["Action"]} <= set(services)
                assert len(services) == len(set(services))


def test_data_outlives_the_stack_and_settling_runs_each_minute() -> None:
    resources = template.load().document["Resources"]
    for name in ("Table", "UserPool"):
        assert resources[name]["DeletionPolicy"] == resources[name]["UpdateReplacePolicy"] == "Retain"
    assert resources["EachMinute"]["Properties"]["ScheduleExpression"] == "rate(1 minute)"
    assert resources["EachMinute"]["Properties"]["Targets"][0]["Arn"] == {"GetAtt": "SettleLine.Arn"}


def test_every_alarm_notifies_and_says_what_to_do_first() -> None:
    document = template.load().document
    alarms = {n: r["Properties"] for n, r in document["Resources"].items() if r["Type"] == "AWS::CloudWatch::Alarm"}
    assert set(alarms) == {
        "DeadLettersAlarm", "IntakeAgeAlarm", "FunctionErrorsAlarm", "ThrottlesAlarm", "ServerErrorsAlarm",
        "ShortAlarm", "FewClaimsAlarm", "PlacingErrorsAlarm", "SettleErrorsAlarm", "SettleSilentAlarm",
        "SignInThrottlesAlarm", "SilentServersAlarm",
    }  # fmt: skip
    for name, alarm in alarms.items():
        assert alarm["AlarmActions"] == [{"Ref": "Alarms"}], name
        assert alarm["TreatMissingData"] == ("breaching" if name == "SettleSilentAlarm" else "notBreaching"), name
        assert "`loginq " in alarm["AlarmDescription"] or "Service Quotas" in alarm["AlarmDescription"], name
        assert alarm["AlarmDescription"].endswith(" More: `loginq guide alarms`."), name
    mail = document["Resources"]["AlarmsByEmail"]
    assert (mail["Properties"]["Endpoint"], mail["Condition"]) == ({"Ref": "AlarmEmail"}, "Notifies")


def test_defaults_fit_aws() -> None:
    every = template.load().checked({}, on_aws=True)
    assert (every["BatchSize"], every["BatchWindowSeconds"], every["PlacingMaxConcurrency"]) == ("10", "0", "10")
    assert (every["LeaseSeconds"], every["ClaimWindowSeconds"]) == ("120", "240")
    rules = Rules.of_stack(every)
    assert (rules.lease, rules.claim_window) == (Rules().lease, Rules().claim_window) == (Line().lease, 240 * SECOND)
    hidden = int(every["IntakeVisibilitySeconds"])
    assert hidden >= 6 * int(every["PlacingTimeoutSeconds"]) + int(every["BatchWindowSeconds"])
    template.load().checked({"BatchSize": "500", "BatchWindowSeconds": "1"}, on_aws=True)  # all a launch has to give


@pytest.mark.parametrize(
    "given",
    [
        {"IntakeVisibilitySeconds": "179"},
        {"PlacingTimeoutSeconds": "34"},
        {"BatchWindowSeconds": "21"},
        {"IntakeVisibilitySeconds": "200", "PlacingTimeoutSeconds": "33", "BatchWindowSeconds": "3"},
    ],
)
def test_a_ticket_that_is_hidden_for_too_short_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(Invalid, match="IntakeVisibilitySeconds must be at least"):
        template.load().checked(given, on_aws=True)


def test_a_stack_that_an_older_loginq_made_is_not_refused_for_what_it_has() -> None:
    older = {"BatchSize": "500", "BatchWindowSeconds": "1", "IntakeVisibilitySeconds": "180"}
    every = template.load().checked({"LogLevel": "DEBUG"}, older, on_aws=True)
    assert older.items() <= every.items()
    with pytest.raises(Invalid, match="at least 182"):
        template.load().checked({"BatchWindowSeconds": "2"}, older, on_aws=True)


def test_parameters_are_words_with_an_equals_sign() -> None:
    assert template.parse_parameters(["A=1", "B=x=y", "C="]) == {"A": "1", "B": "x=y", "C": ""}
    for bad in (["A"], ["=1"], ["A=1", "A=2"]):
        with pytest.raises(Invalid):
            template.parse_parameters(bad)


# .env


def test_only_our_own_lines_are_touched(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("# mine\nGAME=awsome\nSQS_URL=old\n\nAWS_PROFILE=studio\n")
    envfile.write(LOCAL, file)
    text = file.read_text()
    assert text.startswith("# mine\nGAME=awsome\nSQS_URL=http://q\n\nAWS_PROFILE=studio\n")
    assert envfile.read(file)["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    envfile.write(CLOUD, file)
    assert "AWS_ENDPOINT_URL" not in file.read_text() and "AWS_ACCESS_KEY_ID" not in file.read_text()
    envfile.forget(file)
    assert envfile.read(file) == {"GAME": "awsome", "AWS_PROFILE": "studio"}


def test_credentials_that_somebody_put_there_for_aws_are_left_alone(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("AWS_ACCESS_KEY_ID=real\nAWS_SECRET_ACCESS_KEY=secret\n")
    envfile.write(CLOUD, file)
    assert envfile.read(file)["AWS_ACCESS_KEY_ID"] == "real"
    envfile.forget(file)
    assert envfile.read(file) == {"AWS_ACCESS_KEY_ID": "real", "AWS_SECRET_ACCESS_KEY": "secret"}
    with pytest.raises(Invalid, match="holds AWS credentials of your own"):
        envfile.write(LOCAL, file)


def test_a_new_file_is_for_its_owner_only_and_one_that_cannot_be_written_says_what_to_add(tmp_path: Path) -> None:
    envfile.write(CLOUD, tmp_path / ".env")
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    with pytest.raises(Failed) as failed:
        envfile.write(CLOUD, tmp_path / "missing" / ".env")
    assert "DYNAMO_TABLE_NAME=t" in failed.value.hint
    (tmp_path / "folder").mkdir()
    with pytest.raises(Failed):
        envfile.write(CLOUD, tmp_path / "folder")
