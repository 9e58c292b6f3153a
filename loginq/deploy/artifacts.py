"""The artifact bucket: private, encrypted, versioned; what is in it is named by its hash."""

import json

from loginq.service.aws import Aws, Client
from loginq.service.errors import NotFound, Refused


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

    def make(self) -> bool:
        """Make the bucket if it is missing; True when it was. Raises `Refused` when the name is somebody else's."""
        try:
            self._s3.head_bucket(Bucket=self.bucket, ExpectedBucketOwner=self._account)
        except NotFound:
            pass
        except Refused as exc:
            raise Refused(f"The artifact bucket {self.bucket} is not yours to use: {exc.message}", exc.hint) from exc
        else:
            return False
        where = {} if self._region == "us-east-1" else {"LocationConstraint": self._region}
        self._s3.create_bucket(Bucket=self.bucket, **({"CreateBucketConfiguration": where} if where else {}))
        self._s3.put_public_access_block(
            Bucket=self.bucket,
            PublicAccessBlockConfiguration=dict.fromkeys(
                ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
            ),
        )
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        self._s3.put_bucket_encryption(Bucket=self.bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
        self._s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        self._s3.put_bucket_policy(Bucket=self.bucket, Policy=json.dumps(self._tls_only()))
        return True

    def put(self, key: str, content: bytes) -> bool:
        """Upload unless it is there; True when it was uploaded."""
        try:
            self._s3.head_object(Bucket=self.bucket, Key=key, ExpectedBucketOwner=self._account)
        except NotFound:
            self._s3.put_object(Bucket=self.bucket, Key=key, Body=content, ExpectedBucketOwner=self._account)
            return True
        return False

    def url(self, key: str) -> str:
        """Where CloudFormation finds an object."""
        if self._endpoint:
            return f"{self._endpoint}/{self.bucket}/{key}"
        return f"https://{self.bucket}.s3.{self._region}.amazonaws.com/{key}"

    def _tls_only(self) -> dict[str, object]:
        partition = self._s3.meta.partition
        return {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:*",
                    "Resource": [f"arn:{partition}:s3:::{self.bucket}{tail}" for tail in ("", "/*")],
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                }
            ],
        }
