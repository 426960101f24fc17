"""The admin account of a new tenant: what its two records in IT Glue and Microsoft must show (P7, P9, P11, P12).

Nothing here holds a secret: only whether one was stored, where, and who may see it.
"""

from enum import StrEnum

from rules.order import Frozen
from rules.tenant import initial_domain


class Flaw(StrEnum):
    """One wrong state in which the admin account or its records can be left."""

    ACCOUNT_MISSING = "account missing"
    ACCOUNT_ELSEWHERE = "account in another organisation"
    USER_NAME = "user name"
    PASSWORD_NOT_STORED = "password not stored"  # noqa: S105 - the name of a flaw
    NO_OTP = "no OTP"
    OTP_UNREADABLE = "OTP unreadable"
    SECRET_IN_WORDS = "secret in the notes"  # noqa: S105 - the name of a flaw
    KEY_MISSING = "key missing"
    KEY_ELSEWHERE = "key in another organisation"
    KEY_NOT_STORED = "key not stored"
    CATEGORY = "wrong category"
    NOT_RELATED = "not related"
    NOT_RESTRICTED = "not restricted"
    OTHERS_MAY_SEE = "others may see it"
    GROUP_MAY_NOT_SEE = "the group may not see it"
    NO_ACCOUNT_THERE = "no such account at Microsoft"
    PASSWORD_NOT_CHANGED = "password not changed"  # noqa: S105 - the name of a flaw
    NO_SECOND_FACTOR = "no second factor"


class Finding(Frozen):
    """A flaw in words, and what to do about it. `clause`: whose breach it is."""

    flaw: Flaw
    clause: str
    what: str
    way_out: str

    def __str__(self) -> str:
        return f"{self.what} ({self.clause}) {self.way_out}"


class RecordSeen(Frozen):
    """One password record of IT Glue without its secrets.

    `stored`: its password was written after the record was made with a placeholder. `otp`: whether a one-time
    password is set up on it; None: IT Glue doesn't say. `groups`, `users`: who is on its access list; None: can't
    be read. `seed_in_words`: name or notes, which everybody reads, hold what looks like a secret key.
    """

    record_id: int
    organisation_id: int
    name: str = ""
    user_name: str = ""
    category_id: int | None = None
    archived: bool = False
    restricted: bool = False
    groups: tuple[int, ...] | None = None
    users: tuple[int, ...] | None = None
    otp: bool | None = None
    stored: bool = False
    seed_in_words: bool = False
    related_passwords: tuple[int, ...] = ()


ACCOUNT, KEY = "The admin account's record", "The secret key's record"


class Wanted(Frozen):
    """How the two records must stand: whose they are, of which category, for whose eyes."""

    organisation_id: int
    prefix: str
    key_category_id: int
    key_category: str
    group_id: int
    group: str


def flaws_of(wanted: Wanted, account: RecordSeen | None, key: RecordSeen | None) -> tuple[Finding, ...]:
    """Everything that is wrong with the two records, all at once; empty: they stand as P9, P11 and P12 want them.

    The records are named by what they are for, never by the name read: the secret may stand in it (P12).
    """
    return (*_account_flaws(wanted, account), *_key_flaws(wanted, account, key))


def _account_flaws(wanted: Wanted, account: RecordSeen | None) -> tuple[Finding, ...]:
    if account is None or account.archived:
        return (
            _found(
                Flaw.ACCOUNT_MISSING,
                "P11",
                "The admin account's password record is gone or archived.",
                "Bring it back in IT Glue.",
            ),
        )
    name, domain = ACCOUNT, initial_domain(wanted.prefix)
    return (
        *_if(
            account.organisation_id != wanted.organisation_id,
            Flaw.ACCOUNT_ELSEWHERE,
            "P11",
            f"{name} lies in another organisation.",
            "Move it to the customer's organisation; if another customer's people saw it, change the password.",
        ),
        *_if(
            not account.user_name.strip().lower().endswith(f"@{domain}"),
            Flaw.USER_NAME,
            "P7",
            f"{name} has no user name of this tenant.",
            f"Enter the admin's user name, which ends in @{domain}.",
        ),
        *_if(
            not account.stored,
            Flaw.PASSWORD_NOT_STORED,
            "P9",
            f"{name} still holds the placeholder.",
            "Change the admin's password at Microsoft, and store the new one in this record.",
        ),
        *_if(
            account.otp is False,
            Flaw.NO_OTP,
            "P9",
            f"{name} has no one-time password.",
            "Enrol the second factor at Microsoft, and enter its secret key as the OTP of this record.",
        ),
        *_in_words(account.seed_in_words, name),
    )


def _key_flaws(wanted: Wanted, account: RecordSeen | None, key: RecordSeen | None) -> tuple[Finding, ...]:
    if key is None or key.archived:
        return (
            _found(
                Flaw.KEY_MISSING,
                "P12",
                f"The record of type '{wanted.key_category}' is gone or archived.",
                "Bring it back in IT Glue.",
            ),
        )
    name = KEY
    return (
        *_if(
            key.organisation_id != wanted.organisation_id,
            Flaw.KEY_ELSEWHERE,
            "P12",
            f"{name} lies in another organisation.",
            "Move it to the customer's organisation; if others saw it, enrol the second factor anew.",
        ),
        *_if(
            key.category_id != wanted.key_category_id,
            Flaw.CATEGORY,
            "P12",
            f"{name} is not of the type '{wanted.key_category}'.",
            f"Choose the category '{wanted.key_category}'.",
        ),
        *_access_flaws(wanted, key),
        *_if(
            account is not None and key.record_id not in account.related_passwords,
            Flaw.NOT_RELATED,
            "P12",
            f"{name} is not a related item of the admin account's password.",
            "Add it there under Related Items.",
        ),
        *_if(
            not key.stored,
            Flaw.KEY_NOT_STORED,
            "P12",
            f"{name} still holds the placeholder.",
            "Paste the secret key into its password field.",
        ),
        *_in_words(key.seed_in_words, name),
    )


def _access_flaws(wanted: Wanted, key: RecordSeen) -> list[Finding]:
    """Who may see the secret key: the one group, and nobody else. What can't be read counts as wrong."""
    name, way_out = KEY, f"Restrict it to the group '{wanted.group}', and to nobody else."
    if not key.restricted:
        return [_found(Flaw.NOT_RESTRICTED, "P12", f"{name} may be seen by everybody.", way_out)]
    if key.groups is None or key.users is None:
        return [_found(Flaw.OTHERS_MAY_SEE, "P12", f"{name} doesn't show who may see it.", way_out)]
    found = []
    if key.users or set(key.groups) - {wanted.group_id}:
        found.append(
            _found(Flaw.OTHERS_MAY_SEE, "P12", f"{name} may be seen by others than '{wanted.group}'.", way_out)
        )
    if wanted.group_id not in key.groups:
        found.append(_found(Flaw.GROUP_MAY_NOT_SEE, "P12", f"{name} may not be seen by '{wanted.group}'.", way_out))
    return found


def _in_words(wrong: bool, name: str) -> tuple[Finding, ...]:
    return _if(
        wrong,
        Flaw.SECRET_IN_WORDS,
        "P12",
        f"{name} holds what looks like a secret key in its name or notes, and everybody reads them.",
        "Take it out, enrol the second factor anew, and store the new key in the two records only.",
    )


class SeenAtMicrosoft(Frozen):
    """What Microsoft says of the admin account. `second_factors`, `password_changed`: None where it can't be read."""

    user_name: str
    there: bool
    second_factors: int | None = None
    password_changed: bool | None = None


def flaws_at_microsoft(seen: SeenAtMicrosoft) -> tuple[Finding, ...]:
    """What Microsoft shows to be undone, whatever IT Glue holds (P9)."""
    if not seen.there:
        return (
            _found(
                Flaw.NO_ACCOUNT_THERE,
                "P9",
                f"Microsoft knows no account {seen.user_name} in the new tenant.",
                "Correct the user name in IT Glue.",
            ),
        )
    return (
        *_if(
            seen.password_changed is False,
            Flaw.PASSWORD_NOT_CHANGED,
            "P9",
            f"Microsoft says that the password of {seen.user_name} was never changed.",
            "Change it, and store the new one in IT Glue.",
        ),
        *_if(
            seen.second_factors == 0,
            Flaw.NO_SECOND_FACTOR,
            "P9",
            f"Microsoft shows no authenticator for {seen.user_name}.",
            "Enrol the second factor, and store its secret key in the two records of IT Glue.",
        ),
    )


def unread(otp: bool | None, seen: SeenAtMicrosoft | None) -> tuple[str, ...]:
    """What no system says, in words: a second named person confirms it (P9)."""
    found = ["that the one-time password of the record in IT Glue works"] if otp is None else []
    if seen is None or seen.second_factors is None:
        found.append("that the account asks for the second factor when somebody signs in")
    if seen is None or seen.password_changed is None:
        found.append("that the password which came with the tenant doesn't work any more")
    return tuple(found)


def _found(flaw: Flaw, clause: str, what: str, way_out: str) -> Finding:
    return Finding(flaw=flaw, clause=clause, what=what, way_out=way_out)


def _if(wrong: bool, flaw: Flaw, clause: str, what: str, way_out: str) -> tuple[Finding, ...]:
    return (_found(flaw, clause, what, way_out),) if wrong else ()
