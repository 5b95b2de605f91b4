"""Owns keyset cursors: opaque, signed, and good only for the tenant and the query they were issued for."""

import base64
import hmac
import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from urllib.parse import urlencode

from directory_api.errors import FieldError, Problem
from directory_api.tenancy import Tenant

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
_MAC_SIZE: Final = 16


@dataclass(frozen=True, slots=True)
class Position:
    """The sort key and the id of the last row seen."""

    key: str
    row_id: str


@dataclass(frozen=True, slots=True)
class CursorCodec:
    """Turns positions into cursors and back. `key` is the process's secret; all replicas share it."""

    key: bytes

    def encode(self, tenant: Tenant, query: str, position: Position) -> str:
        payload = json.dumps([position.key, position.row_id], ensure_ascii=False, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._mac(tenant, query, payload) + payload).decode().rstrip("=")

    def decode(self, tenant: Tenant, query: str, cursor: str) -> Position:
        """Raise `Problem` unless the cursor was issued for this tenant and this query."""
        try:
            raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            payload = raw[_MAC_SIZE:]
            if not hmac.compare_digest(raw[:_MAC_SIZE], self._mac(tenant, query, payload)):
                raise _refused()
            key, row_id = json.loads(payload)
        except ValueError:
            raise _refused() from None
        return Position(key, row_id)

    def _mac(self, tenant: Tenant, query: str, payload: bytes) -> bytes:
        message = b"\0".join((b"cursor", tenant.tenant_id.bytes, sha256(query.encode()).digest(), payload))
        return hmac.new(self.key, message, sha256).digest()[:_MAC_SIZE]


def _refused() -> Problem:
    detail = "The cursor belongs to another query or is too old: start again without it."
    return Problem(400, "invalid_cursor", detail, (FieldError("query.cursor", detail),))


def next_link(path: str, parameters: dict[str, str], cursor: str) -> str:
    """A Link header's value (RFC 8288) for the next page."""
    return f'<{path}?{urlencode({**parameters, "cursor": cursor})}>; rel="next"'
