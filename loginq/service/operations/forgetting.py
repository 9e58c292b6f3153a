"""What becomes of a player whose account is deleted, and of one who is gone without a word."""

from contextlib import suppress

from loginq.service.requests.login import leave
from loginq.service.requests.sessions import apply
from loginq.service.rules.errors import UnknownTicket
from loginq.service.rules.player import Identity
from loginq.service.rules.sessions import Event
from loginq.service.rules.times import DAY, HOUR, SECOND
from loginq.service.store.queue import Queue

ID_TOKEN = DAY + HOUR
"""How long an ID token may live, ms: a day at most, and an hour for one that was given while the account was deleted.

https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-id-token.html
"""


def forget(queue: Queue, who: Identity) -> None:
    """Keep the player out for good, give up what there is to give up, and let the row vanish, nameless, by itself.

    It stays as long as an ID token of the account may live, because `/login` asks nobody else whether the account is
    still there. In it stay the claims that are not counted yet: they would be taken for no-shows as well.
    """
    queue.rules  # noqa: B018 - where these cannot be read, nothing is begun that could not be finished
    queue.players.bury(who.sub, (queue.clock() + ID_TOKEN) // SECOND)
    with suppress(UnknownTicket):
        leave(queue, who, by_operator=True)


def left(queue: Queue, sub: str) -> None:
    """Count a player who is in the game as one who has left it, as a game server would say."""
    player = queue.players.get(sub)
    if player is not None and player.in_game():
        apply(queue, [Event(sub, player.ticket or "", joined=False, at=queue.clock())])
