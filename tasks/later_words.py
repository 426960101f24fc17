"""What the customer wrote after the word that counts: while nobody has read it, that word buys nothing (B3, S1)."""

from collections.abc import Callable

from rules.authority import NotCovered
from rules.order import Frozen
from rules.people import AuthorisedContact
from rules.written import OnTicket, Written, is_later_word
from tasks.markers import used_by_another
from tasks.written import candidates


class WrittenAgain(NotCovered):
    """The customer has written again since the word that counts, and nobody has read that. Nothing was bought."""


class Heard(Frozen):
    """The mail conversations of a procedure with its customer, and the later messages that were read, by `read_as`."""

    conversations: tuple[str, ...] = ()
    read: tuple[str, ...] = ()


async def later_words(
    request: OnTicket,
    confirmed: Written,
    heard: Heard,
    rights: tuple[AuthorisedContact, ...],
    confirms: Callable[[Written], bool],
) -> list[tuple[str, Written]]:
    """Unread messages since the confirmed one, oldest first: in its and our conversations, and on the ticket.

    `confirms`: whether a message is the offered sentence once more, which takes nothing back. What has been used for
    something else was read for that.
    """
    conversations = dict.fromkeys((confirmed.conversation_id, *heard.conversations))
    found = await candidates(request, (), confirmed.received_at, *conversations)
    return [
        (name, one)
        for name, one in found
        if is_later_word(one, confirmed, rights)
        and one.read_as not in heard.read
        and not confirms(one)
        and not await used_by_another(one.authority_id, request.reference)
    ]


async def assert_last_word(
    request: OnTicket,
    confirmed: Written,
    heard: Heard,
    rights: tuple[AuthorisedContact, ...],
    confirms: Callable[[Written], bool],
) -> None:
    """Nothing may be bought on a word after which the customer wrote what nobody has read; raises `WrittenAgain`."""
    unread = await later_words(request, confirmed, heard, rights, confirms)
    if unread:
        _, one = unread[-1]
        raise WrittenAgain(
            f"{one.sender_name or one.sender} has written again since, at {one.received_at:%Y-%m-%d %H:%M} UTC: "
            "somebody must read that first (B3)."
        )
