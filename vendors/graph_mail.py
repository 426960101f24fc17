"""Mail by Graph: the shared mailbox that sends our mails once, reads the answers and files both."""

from collections.abc import Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from vendors.graph_folders import Folders
from vendors.graph_http import GRAPH, LOGIN, GraphHttp, Login, quoted, segment
from vendors.graph_messages import KEY_PROPERTY, MailRef, Message, OutgoingMail, instant
from vendors.http import RetryPolicy, Token

VENDOR = "Graph mail"
_IMMUTABLE = 'IdType="ImmutableId"'
_AS_TEXT = 'outlook.body-content-type="text"'
_REF = "id,isDraft,subject,internetMessageId,conversationId,parentFolderId,sentDateTime"
_LISTED = (
    "id,subject,from,toRecipients,ccRecipients,receivedDateTime,sentDateTime,conversationId,"
    "internetMessageId,parentFolderId,isDraft,hasAttachments,bodyPreview"
)
_WHOLE = f"{_LISTED},body,uniqueBody,internetMessageHeaders"
_LARGE_PAGES = "odata.maxpagesize=100"  # ten otherwise, each a call
_EVER = datetime(2000, 1, 1, tzinfo=UTC)


class GraphMail:
    """One mailbox, with the app's own credential (graph.md §2 and §4); an async context manager.

    Every id is immutable: it survives sending and moving. At most three calls at a time. Every method raises
    `VendorError`s.
    """

    def __init__(
        self,
        *,
        mailbox: str,
        tenant_id: str,
        client_id: str,
        client_secret: str,
        address: str = GRAPH,
        login_address: str = LOGIN,
        timeout: float = 60.0,
        policy: RetryPolicy | None = None,
    ) -> None:
        self.mailbox = mailbox
        self._tenant_id = tenant_id
        self._login = Login(VENDOR, login_address, client_id=client_id, client_secret=client_secret, policy=policy)
        self._graph = GraphHttp(
            VENDOR, address, self._token, prefer=_IMMUTABLE, max_concurrency=3, timeout=timeout, policy=policy
        )
        self._root = f"/users/{segment(mailbox)}"
        self._folders = Folders(self._graph, self._root, VENDOR)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._graph.aclose()
        await self._login.aclose()

    async def check(self) -> str:
        """Return one line saying that the mailbox can be read; raises `VendorError` if it can't."""
        inbox = await self._graph.get(f"{self._root}/mailFolders/inbox", {"$select": "id,displayName,totalItemCount"})
        return f"Graph mail works for {self.mailbox}, whose inbox holds {inbox.get('totalItemCount', '?')}"

    # Sending once (graph.md §4.2): look by key, draft with the key, send, look again

    async def find_by_key(self, key: str) -> list[MailRef]:
        """Return the drafts and sent mails that carry exactly this key; Graph itself ignores case."""
        found = await self._graph.list(
            f"{self._root}/messages",
            {
                "$filter": "singleValueExtendedProperties/Any(ep: "
                f"ep/id eq {quoted(KEY_PROPERTY)} and ep/value eq {quoted(key)})",
                "$select": _REF,
                "$expand": f"singleValueExtendedProperties($filter=id eq {quoted(KEY_PROPERTY)})",
            },
        )
        return [ref for ref in map(MailRef.of, found) if ref.key == key]

    async def create_draft(self, mail: OutgoingMail) -> MailRef:
        """Create a draft that carries the mail's key; nothing is sent yet."""
        made = await self._graph.post(f"{self._root}/messages", mail.as_written())
        return MailRef.of({"isDraft": True, **made}).model_copy(update={"key": mail.key})

    async def send(self, message_id: str) -> None:
        """Send a draft; accepted isn't delivered. The copy in Sent Items may appear with delay."""
        await self._graph.post(f"{self._root}/messages/{segment(message_id)}/send")

    # Reading and filing

    async def folder(self, path: str | Sequence[str], create: bool = False) -> str:
        """Return the id of the folder at `path`; `NotFound` if it isn't there, unless it is created.

        `path`: levels divided by `/`, or one by one, where a name may hold slashes. Names are compared ignoring
        case and counted to 255 characters; any other character is kept as it is.
        """
        return await self._folders.walk(path, create=create)

    async def lies_in(self, message_id: str, folder_id: str) -> bool:
        """Say whether a message lies in this very folder, not in one below it, right now (B3, graph.md §9)."""
        path = f"{self._root}/messages/{segment(message_id)}"
        return Message.of(await self._graph.get(path, {"$select": _LISTED})).parent_folder_id == folder_id

    async def messages(
        self,
        folder_id: str | None = None,
        sender: str | None = None,
        since: datetime | None = None,
        subject_contains: str | None = None,
        *,
        conversation_id: str | None = None,
        limit: int | None = None,
        bodies: bool = False,
    ) -> list[Message]:
        """Return messages, latest first, of one folder or the whole mailbox; `since` is aware.

        With `bodies` each comes with its whole body as text, not only its beginning. Raises ValueError for
        bodies of a conversation.

        Without a folder, messages of Teams chats can be among them (graph.md §4.4). With `conversation_id` only
        that conversation is read, drafts and our own mails in it too. A filter by conversation is common usage
        which no page promises, and not together with `$orderby`; so Graph is asked for the conversation alone, a
        handful of messages, and the rest is filtered and sorted here.
        """
        if conversation_id is not None:
            if bodies:
                raise ValueError("a conversation is read without bodies; read its messages one by one")
            there = await self._conversation(folder_id, conversation_id)
            return [one for one in there if _fits(one, sender, since, subject_contains)][:limit]
        # What is ordered by must be filtered by, and first, or Graph calls the filter inefficient.
        where = [f"receivedDateTime ge {instant(since or _EVER)}"]
        if sender is not None:
            where.append(f"from/emailAddress/address eq {quoted(sender)}")
        if subject_contains is not None:
            where.append(f"contains(subject,{quoted(subject_contains)})")
        pages = self._graph.pages(
            f"{self._place(folder_id)}/messages",
            {
                "$filter": " and ".join(where),
                "$orderby": "receivedDateTime desc",
                "$select": f"{_LISTED},body" if bodies else _LISTED,
                "$top": min(limit or 100, 100),
            },
            prefer=_AS_TEXT if bodies else "",
        )
        found: list[Message] = []
        async for page in pages:
            found += map(Message.of, page.get("value") or [])
            if limit is not None and len(found) >= limit:
                return found[:limit]
        return found

    async def _conversation(self, folder_id: str | None, conversation_id: str) -> list[Message]:
        records = await self._graph.list(
            f"{self._place(folder_id)}/messages",
            {"$filter": f"conversationId eq {quoted(conversation_id)}", "$select": _LISTED, "$top": 100},
        )
        there = [one for one in map(Message.of, records) if one.conversation_id == conversation_id]
        return sorted(there, key=lambda one: one.received_at or _EVER, reverse=True)

    async def message(self, message_id: str) -> Message:
        """Return one message with its body, its own part of it (as text) and its headers."""
        record = await self._graph.get(
            f"{self._root}/messages/{segment(message_id)}", {"$select": _WHOLE}, prefer=_AS_TEXT
        )
        return Message.of(record)

    async def mime(self, message_id: str) -> bytes:
        """Return a message's MIME source, to be kept as an .eml file."""
        return await self._graph.content(f"{self._root}/messages/{segment(message_id)}/$value")

    async def move(self, message_id: str, folder_id: str) -> Message:
        """Put a message into a folder; where it lies there already, nothing is written."""
        path = f"{self._root}/messages/{segment(message_id)}"
        there = Message.of(await self._graph.get(path, {"$select": _LISTED}))
        if there.parent_folder_id == folder_id:
            return there
        return Message.of(await self._graph.post(f"{path}/move", {"destinationId": folder_id}))

    async def delta(
        self, folder_id: str, link: str | None = None, *, since: datetime | None = None
    ) -> tuple[list[Message], str]:
        """Return what came or changed in a folder since `link` was given, and the next link.

        The link is opaque. Without one everything received since `since` (or ever) is returned. `NotFound`
        for a link means that Graph has forgotten it: begin again without. What was moved away or deleted since
        isn't told; a message that was only read, or flagged, comes again: look at its id. In no order (§8).
        """
        first: dict[str, str | int | bool | None] = {"$select": _LISTED}
        if since is not None:
            first["$filter"] = f"receivedDateTime ge {instant(since)}"
        place = link or f"{self._place(folder_id)}/messages/delta"
        pages = self._graph.pages(place, None if link else first, prefer=_LARGE_PAGES)
        changed: list[Message] = []
        following = ""
        async for page in pages:
            changed += [Message.of(r) for r in page.get("value") or [] if "@removed" not in r]
            following = str(page.get("@odata.deltaLink") or following)
        return changed, following

    def _place(self, folder_id: str | None) -> str:
        return self._root if folder_id is None else f"{self._root}/mailFolders/{segment(folder_id)}"

    async def _token(self) -> Token:
        return await self._login.as_app(self._tenant_id)


def _fits(one: Message, sender: str | None, since: datetime | None, subject_contains: str | None) -> bool:
    if since is not None and since.tzinfo is None:
        raise ValueError("a time without a zone can't be compared with a mail's")
    return (
        (sender is None or one.sender.casefold() == sender.casefold())
        and (since is None or (one.received_at is not None and one.received_at >= since))
        and (subject_contains is None or subject_contains.casefold() in one.subject.casefold())
    )
