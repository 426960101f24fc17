"""vendors/http.py and its parts keep their promises: what is tried again, what never, and what errors tell."""

import asyncio
import pickle
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vendors import http as vendor_http
from vendors.errors import one_line, verdict_of
from vendors.http import (
    ErrorDetail,
    NotFound,
    RateLimited,
    Refused,
    RetryPolicy,
    Token,
    TokenAuth,
    Unauthorised,
    Unavailable,
    UnclearOutcome,
    VendorError,
    VendorHttp,
    segment,
)
from vendors.retry import backoff, pause, retry_after

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
AT_ONCE = RetryPolicy(tries=4, first_pause=0.0, longest_pause=1.0)

Handler = Callable[[httpx.Request], httpx.Response]


def read_error(response: httpx.Response) -> ErrorDetail:
    body = response.json()
    return ErrorDetail(body["message"], code=body.get("code"), trace_id=response.headers.get("X-Trace"))


def wired(handler: Handler, **more: object) -> VendorHttp:
    settings: dict[str, object] = {"policy": AT_ONCE, **more}
    return VendorHttp(
        "Acme",
        "https://acme.example/api/v1",
        None,
        read_error,
        transport=httpx.MockTransport(handler),
        **settings,  # type: ignore[arg-type]
    )


class Script:
    """Answers with one thing after the other; an exception is raised as if the network had."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def says(status: int, message: str = "no", **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"message": message}, headers=headers)


OK = httpx.Response(200, json={"ok": True})


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("header", "seconds"),
        [
            (None, None),
            ("", None),
            ("7", 7.0),
            ("0.25", 0.25),
            ("-3", 0.0),
            ("nan", None),
            ("inf", None),
            ("soon", None),
        ],
    )
    def test_it_reads_whole_and_fractional_seconds_and_shrugs_at_nonsense(
        self, header: str | None, seconds: float | None
    ) -> None:
        """A header that can't be read counts as none."""
        assert retry_after(header, NOW) == seconds

    def test_it_reads_an_http_date(self) -> None:
        """A date means the time until then, and one in the past no time at all."""
        assert retry_after(format_datetime(NOW + timedelta(seconds=90), usegmt=True), NOW) == 90.0
        assert retry_after(format_datetime(NOW - timedelta(days=1), usegmt=True), NOW) == 0.0


class TestPause:
    @given(tried=st.integers(1, 40), dice=st.floats(0, 1, exclude_max=True))
    def test_back_off_is_never_longer_than_its_cap(self, tried: int, dice: float) -> None:
        """However often it failed, the pause stays within the cap."""
        policy = RetryPolicy()
        assert 0 <= backoff(policy, tried, dice) <= policy.pause_cap

    @given(tried=st.integers(1, 10))
    def test_the_jitter_is_full(self, tried: int) -> None:
        """The dice decide on the whole pause, not on a little of it."""
        assert backoff(RetryPolicy(), tried, 0.0) == 0.0

    @given(asked=st.floats(0, 60), dice=st.floats(0, 1, exclude_max=True))
    def test_it_never_returns_before_the_vendor_said(self, asked: float, dice: float) -> None:
        """Retry-After is the least that is waited."""
        wait = pause(RetryPolicy(), 1, asked, dice)
        assert wait is not None
        assert wait >= asked

    def test_it_gives_up_after_its_tries(self) -> None:
        """Tries are bounded."""
        policy = RetryPolicy(tries=3)
        assert pause(policy, 2, None, 0.5) is not None
        assert pause(policy, 3, None, 0.5) is None

    def test_it_does_not_sit_out_a_long_pause(self) -> None:
        """A vendor that asks for an hour isn't waited for inside a call."""
        assert pause(RetryPolicy(longest_pause=60), 1, 3600.0, 0.5) is None


class TestErrors:
    @pytest.mark.parametrize(
        ("status", "read", "write"),
        [
            (302, Refused, Refused),
            (400, Refused, Refused),
            (401, Unauthorised, Unauthorised),
            (403, Unauthorised, Unauthorised),
            (404, NotFound, NotFound),
            (408, Unavailable, UnclearOutcome),
            (409, Refused, Refused),
            (422, Refused, Refused),
            (429, RateLimited, RateLimited),
            (500, Unavailable, UnclearOutcome),
            (503, Unavailable, UnclearOutcome),
        ],
    )
    def test_each_status_has_one_meaning(self, status: int, read: type[VendorError], write: type[VendorError]) -> None:
        """A write that met a fault of the server's is unclear, never "unavailable"."""
        assert verdict_of(status, write=False) is read
        assert verdict_of(status, write=True) is write

    def test_it_is_one_readable_line(self) -> None:
        """An error reads as one line, with the vendor's words, code and trace id."""
        error = Refused("Acme", "Seats missing", status=422, code="SEATS", trace_id="t-1", method="POST", path="/x")
        assert str(error) == "Acme refused (422 SEATS): Seats missing [POST /x, trace t-1]"

    def test_it_survives_being_stored(self) -> None:
        """Prefect pickles the errors of failed tasks: nothing may be lost on the way."""
        error = RateLimited("Acme", "slowly", status=429, code="C", trace_id="t", method="GET", path="/p")
        error.retry_after = 2.5
        again = pickle.loads(pickle.dumps(error))  # noqa: S301
        assert type(again) is RateLimited
        assert str(again) == str(error)
        assert again.retry_after == 2.5

    def test_tokens_and_given_secrets_are_hidden(self) -> None:
        """Should a vendor echo a credential, the error doesn't."""
        shown = one_line("Bearer abc.def-123 and eyJhbGciOi.eyJzdWIi.c2ln and s3cret\n here", ["s3cret"])
        assert shown == "••• and ••• and ••• here"

    @pytest.mark.parametrize("evil", ["..", "../orders", "a/b", "a?isMock=false", "a#b", "", " ", "%2e%2e", "a\n"])
    def test_an_id_that_could_lead_elsewhere_is_refused(self, evil: str) -> None:
        """Ids come from forms: none of them can change the address."""
        with pytest.raises(NotFound):
            segment("Acme", evil)


class TestReads:
    @pytest.mark.parametrize(
        "stumble",
        [
            says(500),
            says(502),
            says(503, **{"Retry-After": "0"}),
            says(429, **{"Retry-After": "0.01"}),
            httpx.Response(502, content=b"<html>bad gateway</html>"),
            httpx.ReadTimeout("slow"),
            httpx.ConnectError("refused"),
            httpx.RemoteProtocolError("gone"),
            httpx.ReadError("reset"),
        ],
        ids=repr,
    )
    async def test_a_stumble_is_tried_again(self, stumble: httpx.Response | Exception) -> None:
        """429, 5xx and network faults pass by themselves."""
        script = Script(stumble, OK)
        async with wired(script) as http:
            assert (await http.read("GET", "things")).status_code == 200
        assert len(script.requests) == 2

    @pytest.mark.parametrize(("status", "kind"), [(400, Refused), (403, Unauthorised), (404, NotFound)])
    async def test_a_clear_no_is_not_tried_again(self, status: int, kind: type[VendorError]) -> None:
        """What the vendor refused, it is asked once."""
        script = Script(says(status))
        async with wired(script) as http:
            with pytest.raises(kind):
                await http.read("GET", "things")
        assert len(script.requests) == 1

    async def test_tries_are_bounded(self) -> None:
        """A vendor that stays down is `Unavailable` after the policy's tries, in its own words."""
        script = Script(says(503, "in maintenance", **{"X-Trace": "t-9"}))
        async with wired(script) as http:
            with pytest.raises(Unavailable) as raised:
                await http.read("GET", "things")
        assert len(script.requests) == AT_ONCE.tries
        assert (raised.value.message, raised.value.trace_id) == ("in maintenance", "t-9")

    async def test_a_long_retry_after_is_handed_to_the_caller(self) -> None:
        """The caller learns how long the vendor wants to be left alone."""
        script = Script(says(429, "too many", **{"Retry-After": "1800"}))
        async with wired(script) as http:
            with pytest.raises(RateLimited) as raised:
                await http.read("GET", "things")
        assert raised.value.retry_after == 1800.0
        assert len(script.requests) == 1

    async def test_the_vendors_own_verdict_overrules_the_status(self) -> None:
        """A vendor's reader may say that a 400 is a limit."""

        def reader(response: httpx.Response) -> ErrorDetail:
            return ErrorDetail("limit", verdict=RateLimited, retry_after=0.0)

        script = Script(says(400), OK)
        http = VendorHttp(
            "Acme", "https://a.example", None, reader, policy=AT_ONCE, transport=httpx.MockTransport(script)
        )
        async with http:
            await http.read("GET", "things")
        assert len(script.requests) == 2

    async def test_an_error_of_an_unknown_shape_is_still_told(self) -> None:
        """An HTML page, an empty body, or a list make no second error out of the first."""
        for body in (b"", b"<html>", b"[1]", b"\xff\xfe"):
            async with wired(Script(httpx.Response(400, content=body))) as http:
                with pytest.raises(Refused, match="Bad Request"):
                    await http.read("GET", "things")

    async def test_a_redirect_is_a_fault_of_configuration(self) -> None:
        """Credentials aren't carried to wherever a redirect points."""
        script = Script(httpx.Response(302, headers={"Location": "https://elsewhere.example/"}))
        async with wired(script) as http:
            with pytest.raises(Refused, match="address"):
                await http.read("GET", "things")
        assert len(script.requests) == 1

    async def test_paths_stay_below_the_base_and_none_is_no_parameter(self) -> None:
        """The base's own path is kept; a parameter of None isn't sent."""
        script = Script(OK)
        async with wired(script) as http:
            await http.read("GET", "things", params={"a": "1=2", "b": None})
        assert str(script.requests[0].url) == "https://acme.example/api/v1/things?a=1%3D2"

    async def test_fractions_stay_exact(self) -> None:
        """Money never passes through a float."""
        script = Script(httpx.Response(200, content=b'{"price": 0.1000000000000000055, "n": 3}'))
        async with wired(script) as http:
            record = http.record(await http.read("GET", "things"))
        assert record == {"price": Decimal("0.1000000000000000055"), "n": 3}

    async def test_an_answer_that_is_no_json_is_told_as_such(self) -> None:
        """A proxy's page with status 200 isn't taken for an answer; of a write nothing is known then."""
        async with wired(Script(httpx.Response(200, content=b"<html>hello</html>"))) as http:
            response = await http.read("GET", "things")
            with pytest.raises(Unavailable, match="JSON"):
                http.payload(response)
            with pytest.raises(UnclearOutcome, match="JSON"):
                http.payload(response, write=True)

    async def test_calls_at_a_time_are_limited(self) -> None:
        """No more calls are under way than the vendor stands."""
        under_way, most, gate = 0, 0, asyncio.Event()

        async def handler(request: httpx.Request) -> httpx.Response:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            if under_way == 2:
                gate.set()
            await gate.wait()
            under_way -= 1
            return OK

        http = VendorHttp(
            "Acme",
            "https://a.example",
            None,
            read_error,
            max_concurrency=2,
            transport=httpx.MockTransport(handler),
        )
        async with http:
            await asyncio.gather(*(http.read("GET", "things") for _ in range(7)))
        assert most == 2


class TestWrites:
    @pytest.mark.parametrize(
        "stumble",
        [
            says(429, **{"Retry-After": "0"}),
            httpx.ConnectError("refused"),
            httpx.ConnectTimeout("slow"),
            httpx.PoolTimeout("busy"),
        ],
        ids=repr,
    )
    async def test_it_is_sent_again_where_nothing_can_have_happened(self, stumble: httpx.Response | Exception) -> None:
        """A 429, or no connection: the first one had no effect."""
        script = Script(stumble, OK)
        async with wired(script) as http:
            await http.write("POST", "things", json={})
        assert len(script.requests) == 2

    @pytest.mark.parametrize(
        "stumble",
        [
            says(500),
            says(502),
            says(503, **{"Retry-After": "0"}),
            says(504),
            says(408),
            httpx.ReadTimeout("slow"),
            httpx.WriteTimeout("slow"),
            httpx.ReadError("reset"),
            httpx.WriteError("reset"),
            httpx.CloseError("reset"),
            httpx.RemoteProtocolError("gone"),
            httpx.DecodingError("bad gzip"),
        ],
        ids=repr,
    )
    async def test_it_is_never_sent_twice_where_it_is_unclear(self, stumble: httpx.Response | Exception) -> None:
        """Everything else leaves it open whether it was carried out, and says so."""
        script = Script(stumble, OK)
        async with wired(script) as http:
            with pytest.raises(UnclearOutcome):
                await http.write("POST", "things", json={})
        assert len(script.requests) == 1

    async def test_without_a_connection_it_was_certainly_not_carried_out(self) -> None:
        """A write that never left is `Unavailable`: it may be sent later."""
        async with wired(Script(httpx.ConnectError("refused"))) as http:
            with pytest.raises(Unavailable):
                await http.write("POST", "things", json={})

    async def test_a_refusal_is_no_unclear_outcome(self) -> None:
        """A vendor that said no has changed nothing."""
        async with wired(Script(says(422, "seats"))) as http:
            with pytest.raises(Refused, match="seats"):
                await http.write("POST", "things", json={})


@asynccontextmanager
async def rude_server(answer: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A real server that reads a request, sends some bytes and hangs up."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}", seen


class TestRealSockets:
    @pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf"])
    async def test_a_connection_dropped_after_the_request_is_unclear(self, answer: bytes) -> None:
        """A server that took the request and hung up may have acted: sent once, reported as unclear."""
        async with rude_server(answer) as (address, seen):
            async with VendorHttp("Acme", address, None, read_error, policy=AT_ONCE) as http:
                with pytest.raises(UnclearOutcome):
                    await http.write("POST", "things", json={"a": 1})
            assert len(seen) == 1

    async def test_a_read_over_a_dropping_server_is_tried_and_then_told(self) -> None:
        """Reads meet the same server as often as the policy allows."""
        async with rude_server(b"") as (address, seen):
            async with VendorHttp("Acme", address, None, read_error, policy=AT_ONCE) as http:
                with pytest.raises(Unavailable):
                    await http.read("GET", "things")
            assert len(seen) == AT_ONCE.tries

    async def test_a_closed_port_is_no_unclear_outcome(self) -> None:
        """Nobody listens: nothing was sent, and the error says that there was no connection."""
        async with rude_server(b"") as (address, _):
            pass
        async with VendorHttp("Acme", address, None, read_error, policy=AT_ONCE) as http:
            with pytest.raises(Unavailable, match="no connection"):
                await http.write("POST", "things", json={})

    @pytest.mark.parametrize("key", ["line\r\nX-Evil: 1", "en\u2013dash"])
    async def test_a_broken_credential_is_named_without_being_shown(self, key: str) -> None:
        """An API key with a line break or a dash from a word processor: told, not echoed, not sent."""
        async with rude_server(b"") as (address, seen):
            with pytest.raises(VendorError) as raised:
                async with VendorHttp(
                    "Acme", address, None, read_error, policy=AT_ONCE, headers={"x-api-key": key}
                ) as http:
                    await http.write("POST", "things", json={})
            assert not isinstance(raised.value, UnclearOutcome)
            assert key not in str(raised.value)
            assert raised.value.__context__ is None
            assert not seen

    async def test_an_address_that_is_none_is_named(self) -> None:
        """A wrong address in a block is a fault of configuration, told as one."""
        with pytest.raises(Unauthorised, match="URL"):
            VendorHttp("Acme", "http://[::1", None, read_error)
        async with VendorHttp("Acme", "acme.example", None, read_error, policy=AT_ONCE) as http:
            with pytest.raises(Unavailable, match="http://"):
                await http.write("POST", "things")


class TestSecrets:
    async def test_no_error_carries_a_body_a_header_a_query_or_a_secret(self) -> None:
        """Whatever goes wrong, what is pickled and printed holds nothing that was sent."""
        sent = {"Authorization": "Bearer top-secret-token"}
        for answer in (
            says(400, "bad: top-secret-key"),
            says(500, "oops Bearer top-secret-token"),
            httpx.ReadTimeout("top-secret-token"),
            httpx.ConnectError("no route"),
        ):
            async with wired(Script(answer), headers=sent, secrets=["top-secret-key"]) as http:
                with pytest.raises(VendorError) as raised:
                    await http.write("POST", "things", json={"password": "top-secret"}, params={"k": "top-secret-q"})
            error = raised.value
            assert "top-secret" not in str(error)
            assert b"top-secret" not in pickle.dumps(error)
            assert error.__context__ is None
            assert error.__cause__ is None


class Tokens:
    """Hands out t1, t2, … and counts; each lives as long as told."""

    def __init__(self, lives: float = 3600.0) -> None:
        self.lives = lives
        self.count = 0

    async def __call__(self) -> Token:
        self.count += 1
        number = self.count
        await asyncio.sleep(0)  # lets the others come in meanwhile
        return Token(f"t{number}", self.lives)


class TestTokens:
    def wired(self, auth: TokenAuth, handler: Handler) -> VendorHttp:
        return VendorHttp(
            "Acme",
            "https://a.example",
            auth,
            read_error,
            policy=AT_ONCE,
            transport=httpx.MockTransport(handler),
        )

    async def test_one_token_serves_many_calls(self) -> None:
        """A token is fetched once, even by callers that arrive together."""
        tokens, script = Tokens(), Script(OK)
        async with self.wired(TokenAuth(tokens), script) as http:
            await asyncio.gather(*(http.read("GET", "x") for _ in range(20)))
        assert tokens.count == 1
        assert {request.headers["Authorization"] for request in script.requests} == {"Bearer t1"}

    async def test_it_is_renewed_before_it_expires(self) -> None:
        """A token isn't used in its last minutes, and one that lives shortly is used for half its life."""
        now = 0.0
        tokens = Tokens(lives=3600)
        auth = TokenAuth(tokens, early=300, clock=lambda: now)
        assert (await auth.token()).value == "t1"
        now = 3299.0
        assert (await auth.token()).value == "t1"
        now = 3301.0
        assert (await auth.token()).value == "t2"
        brief = TokenAuth(Tokens(lives=60), early=300, clock=lambda: now)
        await brief.token()
        now += 29
        assert (await brief.token()).value == "t1"

    async def test_a_rejected_token_is_renewed_once(self) -> None:
        """A 401 renews the token and sends again: also a write, for a 401 changed nothing."""
        tokens = Tokens()

        def handler(request: httpx.Request) -> httpx.Response:
            return OK if request.headers["Authorization"] == "Bearer t2" else says(401, "expired")

        async with self.wired(TokenAuth(tokens), handler) as http:
            await http.write("POST", "x", json={"a": 1})
        assert tokens.count == 2

    async def test_many_rejected_at_once_renew_once(self) -> None:
        """Callers that were rejected with the same token share one new one."""
        tokens = Tokens()

        def handler(request: httpx.Request) -> httpx.Response:
            return OK if request.headers["Authorization"] == "Bearer t2" else says(401, "expired")

        async with self.wired(TokenAuth(tokens), handler) as http:
            await asyncio.gather(*(http.read("GET", "x") for _ in range(8)))
        assert tokens.count == 2

    async def test_rejected_again_it_is_told(self) -> None:
        """A fresh token that is rejected too is a fault of configuration; there is no loop."""
        tokens, script = Tokens(), Script(says(401, "disabled"))
        async with self.wired(TokenAuth(tokens), script) as http:
            with pytest.raises(Unauthorised, match="disabled"):
                await http.read("GET", "x")
        assert (tokens.count, len(script.requests)) == (2, 2)

    async def test_a_token_that_cannot_be_had_makes_no_write_unclear(self) -> None:
        """Without a token nothing was sent: the error is the token's own."""
        script = Script(OK)

        async def fetch() -> Token:
            raise Unavailable("Acme", "token endpoint down")

        async with self.wired(TokenAuth(fetch), script) as http:
            with pytest.raises(Unavailable, match="token endpoint"):
                await http.write("POST", "x")
        assert not script.requests

    def test_a_token_does_not_print_itself(self) -> None:
        """A token in a log line shows its life only."""
        assert "t-secret" not in repr(Token("t-secret", 1.0))


async def test_observers_see_every_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hook for the fault tests is called after each try, with None where no answer came."""
    seen: list[int | None] = []

    async def observer(request: httpx.Request, response: httpx.Response | None) -> None:
        seen.append(response.status_code if response is not None else None)

    monkeypatch.setattr(vendor_http, "observers", [observer])
    async with wired(Script(httpx.ReadTimeout("slow"), says(503), OK)) as http:
        await http.read("GET", "things")
    assert seen == [None, 503, 200]
