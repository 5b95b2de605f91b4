"""Routes of people: everybody reads, managers edit whom they manage, administrators write."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from directory_api.calls import AdminCall, ManagerCall, UserCall, no_content, problems, representation
from directory_api.people import actions
from directory_api.people.models import Person, PersonInput, PersonPage, PersonPatch, PersonQuery
from directory_api.visibility import FULL, sight

router = APIRouter(prefix="/api/v1/people", tags=["people"])


@router.get("", response_model=PersonPage, responses=problems(401))
async def list_people(call: UserCall, query: Annotated[PersonQuery, Query()]) -> Response:
    described = f"people?{sight(call.viewer).tag}&{query.model_dump_json()}"
    return await call.answered(described, lambda: actions.list_page(call, query))


@router.post("", status_code=201, response_model=Person, responses=problems(401, 403, 409))
async def create_person(call: AdminCall, body: PersonInput) -> Response:
    row = await actions.create(call, body)
    location = {"Location": f"/api/v1/people/{row['person_id']}"}
    return representation(actions.person(row, FULL), row["version"], 201, location)


@router.get("/{person_id}", response_model=Person, responses=problems(401, 404))
async def get_person(call: UserCall, person_id: UUID) -> Response:
    described = f"people/{person_id}?{sight(call.viewer, person_id).tag}"
    return await call.answered(described, lambda: actions.get(call, person_id))


@router.put("/{person_id}", response_model=Person, responses=problems(401, 403, 404, 409, 412, 428))
async def replace_person(call: ManagerCall, person_id: UUID, body: PersonInput) -> Response:
    row = await actions.replace(call, person_id, body)
    return representation(actions.person(row, sight(call.viewer, person_id)), row["version"])


@router.patch("/{person_id}", response_model=Person, responses=problems(401, 403, 404, 409, 412, 428))
async def patch_person(call: ManagerCall, person_id: UUID, body: PersonPatch) -> Response:
    row = await actions.patch(call, person_id, body)
    return representation(actions.person(row, sight(call.viewer, person_id)), row["version"])


@router.delete("/{person_id}", status_code=204, response_class=Response, responses=problems(401, 403, 404, 412, 428))
async def delete_person(call: AdminCall, person_id: UUID) -> Response:
    await actions.delete(call, person_id)
    return no_content()
