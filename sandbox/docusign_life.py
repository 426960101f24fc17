"""The life of an envelope: sent, viewed, signed, declined, voided, expired, bounced (docusign.md §5)."""

from datetime import timedelta
from typing import Any

from sandbox.core import Record, World
from sandbox.docusign_connect import announce
from sandbox.docusign_wire import stamp

IN_PROCESS = ("sent", "delivered")
FINISHED = ("completed", "declined", "voided", "deleted")
EXPIRED_REASON = "Envelope has expired."


class WrongState(Exception):
    """The envelope or the signer is past (or before) the point where this can happen; says why."""


def keep(world: World, envelope: Record) -> None:
    """Writes the envelope through."""
    world.store.put("docusign.envelopes", envelope["envelopeId"], envelope)


def facts(envelope: Record) -> Record:
    """What the ledger says of an envelope at every effect."""
    return {
        "vendor": "docusign",
        "envelope": envelope["envelopeId"],
        "subject": envelope["emailSubject"],
        "custom_fields": {field["name"]: field["value"] for field in envelope["customFields"]},
    }


def create(world: World, envelope: Record) -> None:
    """Keeps a new draft."""
    keep(world, envelope)
    world.effect("draft created", **facts(envelope), transaction=envelope["transactionId"])
    announce(world, envelope, "envelope-created")


def send(world: World, envelope: Record) -> None:
    """Mails the first signers; the expiry clock starts."""
    if envelope["status"] != "created":
        raise WrongState(f"an envelope that is {envelope['status']} can't be sent")
    now = world.now()
    envelope["sentDateTime"] = envelope["initialSentDateTime"] = stamp(now)
    expiry = now + timedelta(days=int(envelope["notification"]["expirations"]["expireAfter"]))
    envelope["expireDateTime"] = stamp(expiry)
    world.timers.at(expiry, "docusign.expire", envelope_id=envelope["envelopeId"])
    _status(world, envelope, "sent")
    world.effect("envelope sent", **facts(envelope), to=[s["email"] for s in envelope["signers"]])
    announce(world, envelope, "envelope-sent")
    _invite_next(world, envelope)


def view(world: World, envelope: Record, signer: Record) -> None:
    """The signer opens the envelope; `delivered` once all have (never mind e-mail delivery)."""
    _must_be_open(envelope)
    if signer["status"] == "delivered":
        return
    if signer["status"] != "sent":
        raise WrongState(f"{signer['name']} is {signer['status']}: nothing to view")
    signer["status"], signer["deliveredDateTime"] = "delivered", stamp(world.now())
    world.effect("envelope viewed", **facts(envelope), by=signer["email"], role=signer["roleName"])
    announce(world, envelope, "recipient-delivered", signer)
    if envelope["status"] == "sent" and all(s["status"] in ("delivered", "completed") for s in envelope["signers"]):
        envelope["deliveredDateTime"] = stamp(world.now())
        _status(world, envelope, "delivered")
        announce(world, envelope, "envelope-delivered")
    keep(world, envelope)


def sign(world: World, envelope: Record, signer: Record, name: str | None = None) -> None:
    """The signer opens and signs; the next in routing order is mailed, or the envelope is complete."""
    view(world, envelope, signer)
    signer["status"], signer["signedDateTime"] = "completed", stamp(world.now())
    signer["signatureName"] = name or signer["name"]
    world.effect("envelope signed", **facts(envelope), by=signer["email"], role=signer["roleName"])
    announce(world, envelope, "recipient-completed", signer)
    if all(s["status"] == "completed" for s in envelope["signers"]):
        envelope["completedDateTime"] = stamp(world.now())
        _status(world, envelope, "completed")
        world.effect("envelope completed", **facts(envelope))
        announce(world, envelope, "envelope-completed")
    else:
        _invite_next(world, envelope)


def decline(world: World, envelope: Record, signer: Record, reason: str) -> None:
    """The signer refuses: the envelope is over."""
    view(world, envelope, signer)
    now = stamp(world.now())
    signer["status"], signer["declinedDateTime"], signer["declinedReason"] = "declined", now, reason
    envelope["declinedDateTime"] = now
    _status(world, envelope, "declined")
    world.effect("envelope declined", **facts(envelope), by=signer["email"], reason=reason)
    announce(world, envelope, "recipient-declined", signer)
    announce(world, envelope, "envelope-declined")


def void(world: World, envelope: Record, reason: str, effect: str = "envelope voided") -> None:
    """The sender takes it back, or it expires: both end as `voided`."""
    _must_be_open(envelope)
    envelope["voidedDateTime"], envelope["voidedReason"] = stamp(world.now()), reason
    _status(world, envelope, "voided")
    world.effect(effect, **facts(envelope), reason=reason)
    announce(world, envelope, "envelope-voided")


def expire(world: World, envelope_id: str) -> None:
    """The timer of the expiry; does nothing if the envelope is over already."""
    envelope = world.store.get("docusign.envelopes", envelope_id)
    if envelope is not None and envelope["status"] in IN_PROCESS:
        void(world, envelope, EXPIRED_REASON, effect="envelope expired")


def bounce(world: World, envelope: Record, signer: Record, reason: str) -> None:
    """The signer's mail server sends the invitation back; the envelope itself stays as it is."""
    _must_be_open(envelope)
    if signer["status"] not in ("sent", "delivered"):
        raise WrongState(f"{signer['name']} is {signer['status']}: no invitation is out to bounce")
    signer["status"], signer["autoRespondedReason"] = "autoresponded", reason
    _touch(world, envelope)
    world.effect("signer bounced", **facts(envelope), by=signer["email"], reason=reason)
    announce(world, envelope, "recipient-autoresponded", signer)


def discard(world: World, envelope: Record) -> None:
    """A person moves a draft to the recycle bin: an anomaly for the caller (docusign.md §5)."""
    if envelope["status"] != "created":
        raise WrongState(f"only a draft can be deleted, not one that is {envelope['status']}")
    _status(world, envelope, "deleted")
    world.effect("draft deleted", **facts(envelope))
    announce(world, envelope, "envelope-deleted")


def purge(world: World, envelope: Record) -> None:
    """A deleted draft leaves the recycle bin: no API path knows it any more (docusign.md §5)."""
    if envelope["status"] not in ("created", "deleted"):
        raise WrongState(f"only a draft can be purged, not one that is {envelope['status']}")
    world.store.delete("docusign.envelopes", envelope["envelopeId"])
    world.effect("draft purged", **facts(envelope))


def edited(world: World, envelope: Record, **what: Any) -> None:
    """Notes that a draft (or its custom fields) was changed."""
    _touch(world, envelope)
    world.effect("envelope changed", **facts(envelope), **what)


def outstanding(envelope: Record) -> list[Record]:
    """The signers who have the envelope before them now."""
    return [s for s in envelope["signers"] if s["status"] in ("sent", "delivered")]


def _invite_next(world: World, envelope: Record) -> None:
    waiting = [s for s in envelope["signers"] if s["status"] == "created"]
    if waiting and not outstanding(envelope):
        turn = min(s["routingOrder"] for s in waiting)
        for signer in waiting:
            if signer["routingOrder"] == turn:
                signer["status"], signer["sentDateTime"] = "sent", stamp(world.now())
                announce(world, envelope, "recipient-sent", signer)
    keep(world, envelope)


def _must_be_open(envelope: Record) -> None:
    if envelope["status"] not in IN_PROCESS:
        raise WrongState(f"the envelope is {envelope['status']}")


def _status(world: World, envelope: Record, status: str) -> None:
    envelope["status"] = status
    envelope["statusChangedDateTime"] = stamp(world.now())
    _touch(world, envelope)


def _touch(world: World, envelope: Record) -> None:
    envelope["lastModifiedDateTime"] = stamp(world.now())
    keep(world, envelope)
