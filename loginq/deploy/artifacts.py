"""The artifact bucket: private, encrypted, versioned; what is in it is named by its hash, and goes when it is old."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from loginq.service.rules.errors import LoginqError, NotFound, Refused
from loginq.service.store.aws import Aws, Client
from loginq.service.store.failures import code_of
from loginq.service.store.table import in_threads

SUPERSEDED = "loginq-superseded"
"""The tag of what no stack and no recent deployment needs."""
RECENT = 10
"""How many of the newest bundles, and of the newest templates, are kept whether a stack names them or not."""
KEPT_DAYS = 30
DEPLOYMENTS = "deployments/"
"""What the key of each note of a deployment begins with; a note names its bundle and its template."""
_TLS_ONLY = "LoginqTlsOnly"


def bucket_name(account: str, region: str) -> str:
    """One bucket for each account and region."""
    return f"loginq-artifacts-{account}-{region}"


class Artifacts:
    """The bucket of `account` in the clients' region."""

    def __init__(self, aws: Aws, account: str, region: str) -> None:
        self._s3: Client = aws.client("s3")
        self._account, self._region = account, region
        self._endpoint = aws.endpoint_url
        self.bucket = bucket_name(account, region)

    @property
    def _mine(self) -> dict[str, str]:
        """What every call says: this bucket, and no other account's that has its name."""
        return {"Bucket": self.bucket, "ExpectedBucketOwner": self._account}

    def exists(self) -> bool:
        """Whether the bucket is there. Raises `Refused` when the name is somebody else's."""
        try:
            self._s3.head_bucket(**self._mine)
        except NotFound:
            return False
        except Refused as exc:
            raise Refused(f"The artifact bucket {self.bucket} is not yours to use: {exc.message}", exc.hint) from exc
        return True

    def make(self) -> bool:
        """Make the bucket if it is missing; True when it was. Its settings are put right each time.

        Somebody's own statements in its policy, rules of its lifecycle and choice of key stay. Raises `Refused` when
        the name is somebody else's.
        """
        missing = not self.exists()
        if missing:
            where = {} if self._region == "us-east-1" else {"LocationConstraint": self._region}
            self._s3.create_bucket(Bucket=self.bucket, **({"CreateBucketConfiguration": where} if where else {}))
        self._s3.put_public_access_block(
            **self._mine,
            PublicAccessBlockConfiguration=dict.fromkeys(
                ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
            ),
        )
        self._encrypt()
        self._s3.put_bucket_versioning(**self._mine, VersioningConfiguration={"Status": "Enabled"})
        self._refuse_plain_http()
        self._expire()
        return missing

    def put(self, key: str, content: bytes) -> bool:
        """Upload unless it is there; True when it was uploaded. What is used again is not superseded any more."""
        if not self.holds(key):
            self._s3.put_object(**self._mine, Key=key, Body=content)
            return True
        self._tag(key, superseded=False)
        return False

    def add(self, template: str) -> str:
        """Upload a template unless it is there; its key."""
        content = template.encode()
        key = template_key(content)
        self.put(key, content)
        return key

    def get(self, key: str) -> bytes:
        """What is there. Raises `NotFound`."""
        return bytes(self._s3.get_object(**self._mine, Key=key)["Body"].read())

    def holds(self, key: str) -> bool:
        """Whether it is there."""
        try:
            self._s3.head_object(**self._mine, Key=key)
        except NotFound:
            return False
        return True

    def keys(self, prefix: str) -> list[str]:
        """The keys that begin so."""
        return [each["Key"] for each in self._objects(prefix)]

    def delete(self, key: str) -> None:
        """Delete what is there; its last version stays for `KEPT_DAYS`."""
        self._s3.delete_object(**self._mine, Key=key)

    def url(self, key: str) -> str:
        """Where CloudFormation finds an object."""
        if self._endpoint:
            return f"{self._endpoint}/{self.bucket}/{key}"
        return f"https://{self.bucket}.s3.{self._region}.{self._suffix()}/{key}"

    def supersede(self, named: Collection[str]) -> None:
        """Tag what is neither `named` (keys that stacks use) nor in a deployment's note, nor among the newest `RECENT`
        of its kind.

        The bucket's lifecycle deletes what has the tag once it is `KEPT_DAYS` old, and its last version as many days
        later: until then an older version of the bucket's object brings it back.
        """
        made = [(each["Key"], each["LastModified"]) for each in self._objects("loginq/")]
        notes = [json.loads(note) for note in in_threads(self.get, self.keys(DEPLOYMENTS))]
        noted = {note[part] for note in notes for part in ("code", "template")}
        kept = {*named, *noted} | _newest(made, ".zip") | _newest(made, ".yaml")
        for key, _ in made:
            self._tag(key, superseded=key not in kept)

    def _objects(self, prefix: str) -> Iterator[dict[str, Any]]:
        for page in self._s3.pages("list_objects_v2", **self._mine, Prefix=prefix):
            yield from page.get("Contents", [])

    def _tag(self, key: str, *, superseded: bool) -> None:
        tags = self._s3.get_object_tagging(**self._mine, Key=key)["TagSet"]
        others = [tag for tag in tags if tag["Key"] != SUPERSEDED]
        if superseded == (len(others) < len(tags)):
            return
        wanted = [*others, {"Key": SUPERSEDED, "Value": "true"}] if superseded else others
        self._s3.put_object_tagging(**self._mine, Key=key, Tagging={"TagSet": wanted})

    def _encrypt(self) -> None:
        """With S3's own key, unless the bucket has another."""
        if self._setting(self._s3.get_bucket_encryption, "ServerSideEncryptionConfigurationNotFoundError"):
            return
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        self._s3.put_bucket_encryption(**self._mine, ServerSideEncryptionConfiguration={"Rules": [rule]})

    def _refuse_plain_http(self) -> None:
        found = self._setting(self._s3.get_bucket_policy, "NoSuchBucketPolicy")
        policy = json.loads(found["Policy"]) if found else {"Version": "2012-10-17", "Statement": []}
        partition = self._s3.meta.partition
        ours = {
            "Sid": _TLS_ONLY,
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [f"arn:{partition}:s3:::{self.bucket}{tail}" for tail in ("", "/*")],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        unnamed = {name: value for name, value in ours.items() if name != "Sid"}  # as earlier versions wrote it
        others = [each for each in _list(policy["Statement"]) if each.get("Sid") != _TLS_ONLY and each != unnamed]
        self._s3.put_bucket_policy(**self._mine, Policy=json.dumps({**policy, "Statement": [*others, ours]}))

    def _expire(self) -> None:
        found = self._setting(self._s3.get_bucket_lifecycle_configuration, "NoSuchLifecycleConfiguration")
        rules = [
            {
                "ID": SUPERSEDED,
                "Status": "Enabled",
                "Filter": {"Tag": {"Key": SUPERSEDED, "Value": "true"}},
                "Expiration": {"Days": KEPT_DAYS},
            },
            {
                "ID": "loginq-noncurrent",
                "Status": "Enabled",
                "Filter": {"Prefix": ""},
                "NoncurrentVersionExpiration": {"NoncurrentDays": KEPT_DAYS},
                "Expiration": {"ExpiredObjectDeleteMarker": True},
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
            },
        ]
        ours = {rule["ID"] for rule in rules}
        others = [rule for rule in (found or {}).get("Rules", []) if rule.get("ID") not in ours]
        self._s3.put_bucket_lifecycle_configuration(**self._mine, LifecycleConfiguration={"Rules": [*others, *rules]})

    def _setting(self, get: Callable[..., Any], missing: str) -> dict[str, Any] | None:
        """One setting of the bucket; None when S3 says `missing`, its code for a bucket without it."""
        try:
            return dict(get(**self._mine))
        except LoginqError as exc:
            if code_of(exc) != missing:
                raise
            return None

    def _suffix(self) -> str:
        """The domain of the region's partition: `amazonaws.com`, `amazonaws.com.cn`, `amazonaws.eu`."""
        host = urlsplit(self._s3.meta.endpoint_url).hostname or ""
        return host.partition(f".{self._region}.")[2] or host.removeprefix("s3.")  # us-east-1's host names no region


def template_key(content: bytes) -> str:
    """The key of a template: named by its hash."""
    return f"loginq/{hashlib.sha256(content).hexdigest()}.yaml"


def how_to_delete(bucket: str, region: str) -> list[str]:
    """The commands that delete the bucket and every version in it (a thousand at a time)."""
    each = "{Objects: [Versions, DeleteMarkers][].{Key: Key, VersionId: VersionId}}"
    found = f"aws s3api list-object-versions --region {region} --max-items 1000 --bucket {bucket} --query '{each}'"
    return [
        f'aws s3api delete-objects --region {region} --bucket {bucket} --delete "$({found})"',
        f"aws s3api delete-bucket --region {region} --bucket {bucket}",
    ]


def named_by_stacks(aws: Aws, bucket: str) -> dict[str, set[str]]:
    """The stacks of this account and region that use the bucket -> the keys of the bundles they name."""
    found: dict[str, set[str]] = {}
    for page in aws.client("cloudformation").pages("describe_stacks"):
        for stack in page["Stacks"]:
            parameters = {each["ParameterKey"]: each.get("ParameterValue", "") for each in stack.get("Parameters", [])}
            outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}
            if parameters.get("CodeBucket") == bucket:
                # While a stack is updated the parameter is the new one and the output the one to roll back to.
                keys = {parameters.get("CodeKey", ""), outputs.get("CodeKey", "")}
                found[stack["StackName"]] = keys - {""}
    return found


def _newest(made: Collection[tuple[str, datetime]], kind: str) -> set[str]:
    of_kind = sorted((at, key) for key, at in made if key.endswith(kind))
    return {key for _, key in of_kind[-RECENT:]}


def _list(statement: Any) -> list[dict[str, Any]]:
    """A policy's statements, which may be one without a list."""
    return statement if isinstance(statement, list) else [statement]
