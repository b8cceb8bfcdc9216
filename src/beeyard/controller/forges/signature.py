"""Whether a delivery was signed with a secret: in constant time, on the bytes as they came.

Headers are given by their names in lower case.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

from beeyard.secret import Secret

Headers = Mapping[str, str]

#: Seconds by which a signed moment may differ from ours. Source: standardwebhooks.com,
#: specification, "Verifying webhook authenticity"; five minutes is what its libraries take.
TOLERANCE = 300.0
_SIGNING = "whsec_"


def hex_signed(given: str, body: bytes, secret: Secret) -> bool:
    """Whether `given` is the hexadecimal HMAC-SHA256 of the body.

    Sources: docs.github.com "Validating webhook deliveries"; docs.gitea.com "Webhooks".
    """
    right = hmac.new(secret.reveal().encode(), body, hashlib.sha256).hexdigest()
    return same(given, right)


def standard_signed(headers: Headers, body: bytes, secret: Secret, now: float) -> bool:
    """Whether headers and body are signed with a `whsec_` token, and not long ago.

    now  seconds since 1970

    Source: the Standard Webhooks specification, which GitLab's signing tokens follow
    (gitlab-org/gitlab!230944). The id can't have a full stop: it parts what is signed.
    """
    key = signing_key(secret.reveal())
    name, moment = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if key is None or not name or "." in name or not _is_near(moment, now):
        return False
    signed = b".".join((name.encode(), moment.encode(), body))
    right = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    given = headers.get("webhook-signature", "").split(" ")[:16]
    # Every one is compared, so that the time does not tell which it was.
    found = [same(one, f"v1,{right}") for one in given]
    return any(found)


def signing_key(secret: str) -> bytes | None:
    """The key in a signing token; None if it is none."""
    if not secret.startswith(_SIGNING):
        return None
    try:
        return base64.b64decode(secret.removeprefix(_SIGNING), validate=True) or None
    except binascii.Error:
        return None


def same(given: str, right: str) -> bool:
    """Whether two texts are the same, in a time that does not depend on where they differ."""
    return hmac.compare_digest(given.encode(errors="replace"), right.encode())


def _is_near(moment: str, now: float) -> bool:
    plain = moment.isascii() and moment.isdecimal() and len(moment) <= 12
    return plain and abs(int(moment) - now) <= TOLERANCE
