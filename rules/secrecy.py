"""Whether a text that anybody may read holds the secret key of an authenticator (P7, P12)."""

import re

SEED_LENGTH = 16
"""The shortest secret key that authenticators take, in Base32 letters (itglue.md §4.2)."""

_URI = re.compile(r"(?i)otpauth://")
_RUN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z2-7]{16,}(?![A-Za-z0-9])")
_GROUPS = re.compile(r"(?<![A-Za-z0-9])[A-Za-z2-7]{4}(?:[ -][A-Za-z2-7]{4}){3,}(?![A-Za-z0-9])")


def holds_seed(text: str) -> bool:
    """Whether something in the text looks like a Base32 secret key, in one piece or in groups of four.

    Small letters alone are taken for words: one key in thirty of 16 letters has no digit and escapes in that way.
    """
    if _URI.search(text):
        return True
    return any(_is_no_word(found) for pattern in (_RUN, _GROUPS) for found in pattern.findall(text))


def _is_no_word(found: str) -> bool:
    return found.isupper() or any(letter.isdigit() for letter in found)
