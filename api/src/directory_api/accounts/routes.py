"""Routes of accounts, for administrators. Their answers are not cached: a disabled account must show at once."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from directory_api.accounts import actions
from directory_api.accounts.models import Account, AccountInput, AccountPage, AccountPatch, AccountQuery
from directory_api.calls import AdminCall, no_content, problems, representation

router = APIRouter(prefix="/api/v1/accounts", tags=["accounts"])


@router.get("", response_model=AccountPage, responses=problems(401, 403))
async def list_accounts(call: AdminCall, query: Annotated[AccountQuery, Query()]) -> Response:
    return call.answer(await actions.list_page(call, query))


@router.post("", status_code=201, response_model=Account, responses=problems(401, 403, 409))
async def create_account(call: AdminCall, body: AccountInput) -> Response:
    row = await actions.create(call, body)
    location = {"Location": f"/api/v1/accounts/{row['account_id']}"}
    return representation(actions.account(row), row["version"], 201, location)


@router.get("/{account_id}", response_model=Account, responses=problems(401, 403, 404))
async def get_account(call: AdminCall, account_id: UUID) -> Response:
    return call.answer(await actions.get(call, account_id))


@router.patch("/{account_id}", response_model=Account, responses=problems(401, 403, 404, 409, 412, 428))
async def patch_account(call: AdminCall, account_id: UUID, body: AccountPatch) -> Response:
    row = await actions.patch(call, account_id, body)
    return representation(actions.account(row), row["version"])


@router.delete(
    "/{account_id}", status_code=204, response_class=Response, responses=problems(401, 403, 404, 409, 412, 428)
)
async def delete_account(call: AdminCall, account_id: UUID) -> Response:
    await actions.delete(call, account_id)
    return no_content()
