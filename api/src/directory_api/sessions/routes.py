"""Routes for signing in, staying signed in and signing out, the caller's own account, and the public keys."""

from fastapi import APIRouter
from starlette.responses import Response

from directory_api.calls import PublicCall, UserCall, no_content, problems
from directory_api.sessions import actions
from directory_api.sessions.models import KeySet, LoginRequest, Me, PasswordChange, RefreshRequest, TokenAnswer

router = APIRouter(prefix="/api/v1", tags=["sessions"])
keys_router = APIRouter(tags=["sessions"])


@router.post("/auth/login", response_model=TokenAnswer, responses=problems(401))
async def log_in(call: PublicCall, body: LoginRequest) -> Response:
    return _tokens(await actions.log_in(call, body))


@router.post("/auth/refresh", response_model=TokenAnswer, responses=problems(401))
async def refresh(call: PublicCall, body: RefreshRequest) -> Response:
    return _tokens(await actions.refresh(call, body))


@router.post("/auth/logout", status_code=204, response_class=Response, responses=problems(401))
async def log_out(call: UserCall) -> Response:
    await actions.log_out(call)
    return no_content()


@router.get("/me", response_model=Me, responses=problems(401))
async def me(call: UserCall) -> Response:
    return Response(
        actions.me(call).model_dump_json(), headers={"Cache-Control": "no-store"}, media_type="application/json"
    )


@router.put("/me/password", status_code=204, response_class=Response, responses=problems(401, 403))
async def change_password(call: UserCall, body: PasswordChange) -> Response:
    """End every other session of the account."""
    await actions.change_password(call, body)
    return no_content()


@keys_router.get("/.well-known/jwks.json", response_model=KeySet, responses=problems())
async def key_set(call: PublicCall) -> Response:
    body = KeySet.model_validate(call.services.tokens.key_set()).model_dump_json()
    return Response(body, headers={"Cache-Control": "public, max-age=300"}, media_type="application/json")


def _tokens(answer: TokenAnswer) -> Response:
    """RFC 6749 section 5.1: tokens are never cached."""
    return Response(answer.model_dump_json(), headers={"Cache-Control": "no-store"}, media_type="application/json")
