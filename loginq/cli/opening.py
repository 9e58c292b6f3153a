"""The deployment that a command is about: to be made, updated, taken down or looked at."""

from loginq.cli import console
from loginq.cli.session import check_account, connection, local_stack, resolved
from loginq.deploy import envfile
from loginq.deploy.deployment import Deployment
from loginq.emulator import REGION as LOCAL_REGION
from loginq.emulator import Emulator
from loginq.service.operations.resolver import ACCOUNT, ENDPOINT, PROFILE, REGION, STACK, from_file
from loginq.service.operations.target import in_words


def open_deployment(local: bool) -> Deployment:
    """The deployment that this command is about; says first which target that is."""
    if local:
        name, profile, noted = local_stack(), None, None
        aws, region = Emulator().up().aws(), LOCAL_REGION
    else:
        found = resolved(may_be_new=True)
        name, profile, noted = found.names[STACK].value, found.get(PROFILE), found.get(ACCOUNT)
        aws = connection(found)
        region = aws.client("cloudformation").meta.region_name
    account = aws.client("sts").get_caller_identity()["Account"]
    check_account(noted, account)
    deployment = Deployment(aws, name, account, region, profile)
    console.say(f"Target: {name_of(deployment)}")
    return deployment


def name_of(deployment: Deployment) -> str:
    """The target in words, as `Session.name` has it."""
    return in_words(deployment.stack.name, deployment.region, deployment.aws.endpoint_url, deployment.account)


def noted_target(deployment: Deployment) -> tuple[str, bool]:
    """The target that this folder's `.env` names, in words, empty for none; and whether it is this deployment."""
    noted, _ = from_file(envfile.read())
    if STACK not in noted:
        return "", False
    place = noted[STACK], noted.get(REGION), noted.get(ENDPOINT)
    same = in_words(*place, noted.get(ACCOUNT) or deployment.account) == name_of(deployment)
    return in_words(*place, noted.get(ACCOUNT)), same
