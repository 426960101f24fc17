"""Playing the people around an envelope: `POST /_sandbox/envelopes/{id}/sign` and the like, and Connect's mode."""

from collections.abc import Callable
from datetime import datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox import docusign_create as creating
from sandbox import docusign_life as life
from sandbox.core import Record, Refusal, World, json_body, unknown_names
from sandbox.docusign_connect import MODES
from sandbox.docusign_wire import envelope_json
from sandbox.world import SEED

_WHO = ("by", "email", "name", "reason")
_HAND_MADE = ("customFields", "customer", "msp", "send", "subject", "tabs", "templateId")


def control(world: World) -> list[BaseRoute]:
    """The levers, below `/_sandbox`. All answer with the envelope as it then is, or 409 saying why not.

    With `at` (a moment to come, with an offset) it happens when the sandbox's clock gets there; what then isn't
    possible any more doesn't happen, and the ledger says so.
    """

    world.timers.register("docusign.act", lambda envelope_id, name, body: _later(world, envelope_id, name, body))

    async def act(request: Request) -> Response:
        name = request.path_params["act"]
        if name not in _ACTS:
            return _no(404, f"an envelope can be made to {', '.join(_ACTS)}")
        do, known = _ACTS[name]
        body = await json_body(request) or {}
        strangers = unknown_names(body, (*known, "at"))
        if strangers:
            return _no(400, f"unknown field: {', '.join(strangers)}; known: {', '.join((*known, 'at'))}")
        envelope = world.store.get("docusign.envelopes", request.path_params["envelope"])
        if envelope is None:
            return _no(404, "no such envelope")
        try:
            if "at" in body:
                _book(world, envelope, name, body)
            else:
                do(world, envelope, body)
        except life.WrongState as wrong:
            return _no(409, str(wrong))
        except ValueError as wrong:
            return _no(400, str(wrong))
        return JSONResponse(shown(envelope))

    async def by_hand(request: Request) -> Response:
        body = await json_body(request) or {}
        strangers = unknown_names(body, _HAND_MADE)
        if strangers:
            return _no(400, f"unknown field: {', '.join(strangers)}; known: {', '.join(_HAND_MADE)}")
        return JSONResponse(shown(_made_by_hand(world, body)), status_code=201)

    async def connect(request: Request) -> Response:
        if request.method == "POST":
            mode = str((await json_body(request) or {}).get("mode"))
            if not MODES.fullmatch(mode):
                return _no(400, "mode must be normal, lost, duplicate:N, late:SECONDS or shuffled")
            world.set_setting("docusign.connect", mode)
        deliveries = sorted(world.store.all("docusign.deliveries"), key=lambda d: d["number"])
        return JSONResponse({"mode": world.setting("docusign.connect"), "deliveries": deliveries[-500:]})

    return [
        Route("/envelopes", by_hand, methods=["POST"]),
        Route("/envelopes/{envelope}/{act}", act, methods=["POST"]),
        Route("/connect", connect, methods=["GET", "POST"]),
    ]


def shown(envelope: Record) -> Record:
    """An envelope with all its parts, as the levers answer."""
    return envelope_json(envelope, frozenset({"custom_fields", "recipients", "tabs"}))


def _no(status: int, why: str) -> Response:
    return JSONResponse({"error": why}, status_code=status)


def _book(world: World, envelope: Record, name: str, body: Record) -> None:
    """Lets it happen at a moment of the sandbox's time; ValueError for one that is no moment to come."""
    at = datetime.fromisoformat(str(body["at"]))
    if at.tzinfo is None or at <= world.now():
        raise ValueError("at must be a moment to come, with an offset")
    wanted = {key: value for key, value in body.items() if key != "at"}
    world.timers.at(at, "docusign.act", envelope_id=envelope["envelopeId"], name=name, body=wanted)


def _later(world: World, envelope_id: str, name: str, body: Record) -> None:
    envelope = world.store.get("docusign.envelopes", envelope_id)
    if envelope is None:
        return
    try:
        _ACTS[name][0](world, envelope, body)
    except life.WrongState as wrong:
        world.effect("came too late", **life.facts(envelope), act=name, reason=str(wrong))


def _chosen(envelope: Record, body: Record) -> list[Record]:
    """The signers meant by `email` or `by` (customer, msp, all), in signing order."""
    roles = {"customer": SEED.templates[0].customer_role, "msp": SEED.templates[0].msp_role}
    by = body.get("by", "all")
    if by not in (*roles, "all"):
        raise life.WrongState("by must be customer, msp or all")
    signers = sorted(envelope["signers"], key=lambda s: s["routingOrder"])
    if "email" in body:
        signers = [s for s in signers if s["email"].lower() == str(body["email"]).lower()]
    elif by != "all":
        signers = [s for s in signers if s["roleName"] == roles[by]]
    if not signers:
        raise life.WrongState("the envelope has no such signer")
    return signers


def _now(envelope: Record, body: Record) -> Record:
    """The one chosen signer who has the envelope before him now."""
    for signer in _chosen(envelope, body):
        if signer["status"] in ("sent", "delivered"):
            return signer
    raise life.WrongState(f"nobody chosen has the envelope before them; it is {envelope['status']}")


def _sign(world: World, envelope: Record, body: Record) -> None:
    """Signs for all chosen ones whose turn it is or becomes."""
    life.sign(world, envelope, _now(envelope, body), body.get("name"))
    while any(s in life.outstanding(envelope) for s in _chosen(envelope, body)):
        life.sign(world, envelope, _now(envelope, body), body.get("name"))


def _view(world: World, envelope: Record, body: Record) -> None:
    life.view(world, envelope, _now(envelope, body))


def _decline(world: World, envelope: Record, body: Record) -> None:
    life.decline(world, envelope, _now(envelope, body), body.get("reason", "No longer needed."))


def _bounce(world: World, envelope: Record, body: Record) -> None:
    reason = body.get("reason", "550 5.1.1 The email account that you tried to reach does not exist")
    life.bounce(world, envelope, _now(envelope, body), reason)


def _void(world: World, envelope: Record, body: Record) -> None:
    life.void(world, envelope, body.get("reason", "Voided by the sender."))


def _expire(world: World, envelope: Record, body: Record) -> None:
    life.void(world, envelope, life.EXPIRED_REASON, effect="envelope expired")


def _send(world: World, envelope: Record, body: Record) -> None:
    life.send(world, envelope)


def _delete(world: World, envelope: Record, body: Record) -> None:
    life.discard(world, envelope)


def _purge(world: World, envelope: Record, body: Record) -> None:
    life.purge(world, envelope)


def _edit(world: World, envelope: Record, body: Record) -> None:
    """Contracts edits a draft in DocuSign's own pages: field values, subject, who signs in a role."""
    if envelope["status"] != "created":
        raise life.WrongState(f"only a draft can be edited, not one that is {envelope['status']}")
    values = dict(body.get("tabs", {}))
    people = {str(one.get("roleName")): one for one in body.get("signers", [])}
    labels = {tab["tabLabel"] for signer in envelope["signers"] for tab in signer["tabs"]}
    roles = {signer["roleName"] for signer in envelope["signers"]}
    if set(values) - labels or set(people) - roles:
        missing = sorted((set(values) - labels) | (set(people) - roles))
        raise life.WrongState(f"the envelope has no tab or role {', '.join(missing)}")
    for signer in envelope["signers"]:
        for tab in signer["tabs"]:
            tab["value"] = str(values.get(tab["tabLabel"], tab["value"]))
        signer.update({k: str(v) for k, v in people.get(signer["roleName"], {}).items() if k in ("name", "email")})
    envelope["emailSubject"] = str(body.get("emailSubject", envelope["emailSubject"]))
    life.edited(world, envelope, tabs=values, signers=list(people.values()))


_Act = Callable[[World, Record, Record], None]
_ACTS: dict[str, tuple[_Act, tuple[str, ...]]] = {
    "sign": (_sign, _WHO),
    "view": (_view, _WHO),
    "decline": (_decline, _WHO),
    "bounce": (_bounce, _WHO),
    "void": (_void, ("reason",)),
    "expire": (_expire, ()),
    "send": (_send, ()),
    "delete": (_delete, ()),
    "purge": (_purge, ()),
    "edit": (_edit, ("emailSubject", "signers", "tabs")),
}


def _made_by_hand(world: World, body: Record) -> Record:
    """An envelope that contracts makes in DocuSign's own pages; no custom field of ours unless given."""
    customer, msp = body.get("customer", {}), body.get("msp", {})
    tabs = [{"tabLabel": label, "value": str(value)} for label, value in body.get("tabs", {}).items()]
    fields = [{"name": name, "value": str(value)} for name, value in body.get("customFields", {}).items()]
    given = {
        "templateId": body.get("templateId", SEED.templates[0].template_id),
        "emailSubject": body.get("subject", "Subscription agreement"),
        "customFields": {"textCustomFields": fields},
        "templateRoles": [
            {"roleName": SEED.templates[0].customer_role, "tabs": {"textTabs": tabs}, **customer},
            {"roleName": SEED.templates[0].msp_role, **msp},
        ],
    }
    try:
        envelope = creating.new_envelope(world, given)
    except Refusal as refusal:
        raise Refusal(JSONResponse({"error": bytes(refusal.response.body).decode()}, status_code=400)) from refusal
    life.create(world, envelope)
    if body.get("send"):
        life.send(world, envelope)
    return envelope
