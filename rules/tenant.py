"""A customer new to Microsoft 365: the onmicrosoft prefix, the customer's own domains, account names (P3, P10)."""

import re
from collections.abc import Iterable

LONGEST_PREFIX = 27
ONMICROSOFT = ".onmicrosoft.com"
NEAR = 2
"""So many letters apart, two names are one name and a slip."""

_PREFIX = re.compile(rf"[a-z0-9]{{1,{LONGEST_PREFIX}}}")
_STRAY = re.compile(r"[^a-z0-9]+")
_FOLDED = str.maketrans("àáâãäåçèéêëìíîïñòóôõöøùúûüýÿ", "aaaaaaceeeeiiiinoooooouuuuyy") | {
    ord("ß"): "ss",
    ord("æ"): "ae",
    ord("œ"): "oe",
    ord("&"): " and ",
    ord("'"): "",
    ord("’"): "",
}
_LEGAL_FORMS = frozenset(
    {"inc", "ltd", "llc", "llp", "plc", "corp", "co", "gmbh", "ag", "kg", "ug", "sarl", "bv", "nv", "pty"}
    | {"limited", "incorporated", "company"}
)


def initial_domain(prefix: str) -> str:
    """The domain that Microsoft makes of a prefix; it can never be changed (P3)."""
    return prefix + ONMICROSOFT


def prefix_fault(prefix: str) -> str:
    """What keeps a text from being a prefix, in words; empty where nothing does (pax8.md §5)."""
    if prefix.endswith(ONMICROSOFT):
        return f"'{prefix}': give only what stands before {ONMICROSOFT}."
    if not _PREFIX.fullmatch(prefix):
        return f"'{prefix}' is no prefix: 1 to {LONGEST_PREFIX} small letters and digits, nothing else."
    return ""


def own_domains(domains: Iterable[str], shared: Iterable[str]) -> tuple[str, ...]:
    """The domains that are the customer's own: those of public mail providers, `shared`, are nobody's (P3)."""
    public = {one.strip().lower() for one in shared}
    return tuple(dict.fromkeys(one for one in domains if one and not _is_below(one.lower(), public)))


def _is_below(domain: str, public: set[str]) -> bool:
    return any(domain == one or domain.endswith(f".{one}") for one in public)


def name_of_domain(domain: str) -> str:
    """The part of a domain that is a name: `contoso` of `www.contoso.com` and of `contoso.co.uk`."""
    labels = [label for label in domain.strip().lower().rstrip(".").split(".") if label]
    if len(labels) < 2:
        return _STRAY.sub("", "".join(labels))
    two_level = len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= 3
    return _STRAY.sub("", labels[-3 if two_level else -2])


def derive_prefix(name: str, domains: Iterable[str]) -> str:
    """The prefix that domain or name suggest, the first of the customer's own domains first; empty: none (P3)."""
    for domain in domains:
        derived = name_of_domain(domain)[:LONGEST_PREFIX]
        if derived:
            return derived
    words = [_STRAY.sub("", word) for word in name.lower().translate(_FOLDED).split()]
    kept = [word for word in words if word and word not in _LEGAL_FORMS] or [word for word in words if word]
    prefix = ""
    for word in kept:  # whole words, as many as fit
        if prefix and len(prefix) + len(word) > LONGEST_PREFIX:
            break
        prefix += word
    return prefix[:LONGEST_PREFIX]


def doubts(prefix: str, name: str, domains: Iterable[str]) -> tuple[str, ...]:
    """What speaks against a prefix: it differs from the name of a domain of the customer, perhaps by a slip (P3).

    `domains`: the customer's own, from website and contacts. Shown to the second person, who decides.
    """
    known = {one: name_of_domain(one) for one in domains} or {f"the name '{name}'": derive_prefix(name, ())}
    found = []
    for source, suggested in known.items():
        if not suggested or prefix == suggested[:LONGEST_PREFIX]:
            continue
        if distance(prefix, suggested, NEAR) <= NEAR:
            found.append(f"'{prefix}' is almost '{suggested}', as {source} suggests: a slip?")
        else:
            found.append(f"'{prefix}' is not '{suggested}', as {source} suggests.")
    return tuple(found)


def distance(one: str, other: str, most: int) -> int:
    """How many letters must be added, dropped or changed to make one of the other; at most `most` + 1 is told."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, start=1):
        before, row[0] = row[0], at
        for place, wanted in enumerate(other, start=1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (letter != wanted))
    return min(row[-1], most + 1)


def account_name(user: str, prefix: str, own: Iterable[str]) -> str:
    """A user's account name: his mail address in a domain of the customer's, else one at onmicrosoft.com (P10)."""
    local, at, domain = user.strip().lower().partition("@")
    if at and domain in {one.lower() for one in own}:
        return f"{local}@{domain}"
    return f"{local}@{initial_domain(prefix)}"
