"""Routes of departments: everybody reads, administrators write."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from directory_api.calls import AdminCall, UserCall, no_content, problems, representation
from directory_api.departments import actions
from directory_api.departments.models import (
    Department,
    DepartmentInput,
    DepartmentPage,
    DepartmentPatch,
    DepartmentQuery,
)

router = APIRouter(prefix="/api/v1/departments", tags=["departments"])


@router.get("", response_model=DepartmentPage, responses=problems(401))
async def list_departments(call: UserCall, query: Annotated[DepartmentQuery, Query()]) -> Response:
    return await call.answered(f"departments?{query.model_dump_json()}", lambda: actions.list_page(call, query))


@router.post("", status_code=201, response_model=Department, responses=problems(401, 403, 409))
async def create_department(call: AdminCall, body: DepartmentInput) -> Response:
    row = await actions.create(call, body)
    location = {"Location": f"/api/v1/departments/{row['department_id']}"}
    return representation(actions.department(row), row["version"], 201, location)


@router.get("/{department_id}", response_model=Department, responses=problems(401, 404))
async def get_department(call: UserCall, department_id: UUID) -> Response:
    return await call.answered(f"departments/{department_id}", lambda: actions.get(call, department_id))


@router.put("/{department_id}", response_model=Department, responses=problems(401, 403, 404, 409, 412, 428))
async def replace_department(call: AdminCall, department_id: UUID, body: DepartmentInput) -> Response:
    row = await actions.replace(call, department_id, body)
    return representation(actions.department(row), row["version"])


@router.patch("/{department_id}", response_model=Department, responses=problems(401, 403, 404, 409, 412, 428))
async def patch_department(call: AdminCall, department_id: UUID, body: DepartmentPatch) -> Response:
    row = await actions.patch(call, department_id, body)
    return representation(actions.department(row), row["version"])


@router.delete(
    "/{department_id}", status_code=204, response_class=Response, responses=problems(401, 403, 404, 409, 412, 428)
)
async def delete_department(call: AdminCall, department_id: UUID) -> Response:
    await actions.delete(call, department_id)
    return no_content()
