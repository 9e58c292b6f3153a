"""What a stack has that is older than a parameter: an update takes nothing away that nobody asked to lose."""

from collections.abc import Mapping

from loginq.deploy import template
from loginq.service.store.aws import Aws


def older_values(aws: Aws, outputs: Mapping[str, str], there: Mapping[str, str]) -> dict[str, str]:
    """Parameter -> what a stack with these outputs has without having it; of its pool also what was set by hand, for
    CloudFormation would take that back with the first change of the pool. `there`: its parameters.
    """
    if "SesIdentityArn" in there or "UserPoolId" not in outputs:
        return template.OLDER
    pool = aws.client("cognito-idp").describe_user_pool(UserPoolId=outputs["UserPoolId"])["UserPool"]
    mail = pool.get("EmailConfiguration", {})
    older = {**template.OLDER, "UserPoolTier": pool.get("UserPoolTier", template.OLDER["UserPoolTier"])}
    if mail.get("EmailSendingAccount") == "DEVELOPER":
        older |= {"SesIdentityArn": mail["SourceArn"], "EmailFromAddress": mail.get("From", "")}
    return older
