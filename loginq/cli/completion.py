"""What the shell completes besides commands: names of players and stacks. It never fails and never waits long."""

from contextlib import suppress
from itertools import islice

MOST = 20


def player_names(incomplete: str) -> list[str]:
    """User names that begin so."""
    with suppress(Exception):  # an error in the middle of typing helps nobody
        from loginq.cli.session import open_session

        users = open_session().users
        return [account.username for account in islice(users.starting_with(incomplete), MOST)]
    return []


def stack_names(incomplete: str) -> list[str]:
    """Stacks of ours that begin so: `deploy` tags them."""
    with suppress(Exception):
        from loginq.cli.session import connection, names

        given = names()
        aws = connection(given, given.get("AWS_DEFAULT_REGION"))
        found = [
            stack["StackName"]
            for page in aws.client("cloudformation").pages("describe_stacks")
            for stack in page["Stacks"]
            if {"Key": "application", "Value": "loginq"} in stack.get("Tags", [])
        ]
        return [name for name in found if name.startswith(incomplete)][:MOST]
    return []
