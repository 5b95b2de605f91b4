"""Asks the pooled fleet whether it serves a tenant, before anybody is led there."""

from typing import Final

import aiohttp

_SECONDS: Final = 3.0
_PATH: Final = "/.well-known/jwks.json"
"""What the fleet answers without a token, at the hosts of tenants and at no others."""


async def fleet_problem(endpoint: str, host: str) -> str | None:
    """Why requests for `host` would not be served; None when they would."""
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{endpoint}{_PATH}", headers={"Host": host}) as answer,
        ):
            return None if answer.status == 200 else f"it answered {answer.status}"
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return type(error).__name__
