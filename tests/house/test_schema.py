"""The CRDs and the models that parse them hold the same fields, defaults, choices and bounds."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import pytest
from annotated_types import Ge, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from directory_contract.names import RESERVED_SLUGS, SLUG_MAX_LENGTH
from directory_operator.platform.spec import PlatformSpec
from directory_operator.tenant.spec import TenantSpec
from tests.crds.schema import cel_rules, crd, nodes, root

MODELS: dict[str, type[BaseModel]] = {"DirectoryTenant": TenantSpec, "DirectoryPlatform": PlatformSpec}
UNDESCRIBABLE = {"metadata"}
"""The API server allows no description on metadata itself."""


@dataclass(frozen=True)
class Pair:
    """One field in both places."""

    path: str
    model: type[BaseModel]
    field: FieldInfo
    schema: dict[str, Any]
    required: bool

    @property
    def annotation(self) -> Any:
        """The field's type, without `| None`."""
        declared = self.field.annotation
        if get_origin(declared) in {Union, UnionType}:
            (declared,) = (each for each in get_args(declared) if each is not NoneType)
        return declared

    def __str__(self) -> str:
        return self.path


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that a field holds, or holds a tuple of."""
    candidates = [annotation, *get_args(annotation)]
    return next((each for each in candidates if isinstance(each, type) and issubclass(each, BaseModel)), None)


def pairs(model: type[BaseModel], schema: dict[str, Any], path: str) -> Iterator[Pair]:
    for name, field in model.model_fields.items():
        alias = field.alias or name
        here = f"{path}.{alias}"
        assert alias in schema["properties"], f"{here} is in the model and not in the CRD"
        pair = Pair(here, model, field, schema["properties"][alias], alias in schema.get("required", []))
        yield pair
        if inner := model_in(pair.annotation):
            yield from pairs(inner, pair.schema.get("items", pair.schema), here)


PAIRS = [
    pair for kind, model in MODELS.items() for pair in pairs(model, root(kind)["properties"]["spec"], f"{kind}.spec")
]


@pytest.mark.parametrize("kind", MODELS)
def test_the_models_have_every_field_of_the_crd(kind: str) -> None:
    known = {pair.path for pair in PAIRS}
    fields = {f"{kind}.{node.path}".replace("[0]", "") for node in nodes(root(kind)) if node.path.startswith("spec.")}
    assert fields - known == set()


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_required_and_defaults_agree(pair: Pair) -> None:
    assert pair.required == pair.field.is_required()
    if pair.required:
        assert "default" not in pair.schema
        return
    inner = model_in(pair.annotation)
    default = pair.field.get_default()
    if "default" not in pair.schema:
        # Nothing in the CRD is the same as nothing in the model, or as a part whose every field has a default.
        assert default is None or (inner is not None and default == inner())
    elif inner and isinstance(default, BaseModel):
        assert inner.model_validate(pair.schema["default"]) == default
    else:
        assert pair.schema["default"] == ([_plain(each) for each in default] if isinstance(default, tuple) else default)


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json", by_alias=True, exclude_none=True) if isinstance(value, BaseModel) else value


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_types_choices_and_bounds_agree(pair: Pair) -> None:
    annotation = pair.annotation
    if pair.schema.get("x-kubernetes-int-or-string"):
        assert annotation is str
        assert any(type(each).__name__ == "BeforeValidator" for each in pair.field.metadata)
        return
    if get_origin(annotation) is Literal:
        assert set(pair.schema["enum"]) == set(get_args(annotation))
        return
    assert "enum" not in pair.schema
    kinds = {str: "string", int: "integer", bool: "boolean", tuple: "array"}
    expected = "object" if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
    assert pair.schema["type"] == (expected or kinds[get_origin(annotation) or annotation])
    bounds = {type(each): each for each in pair.field.metadata}
    least, most = bounds.get(Ge), bounds.get(Le)
    assert pair.schema.get("minimum") == (least.ge if isinstance(least, Ge) else None)
    assert pair.schema.get("maximum") == (most.le if isinstance(most, Le) else None)


@pytest.mark.parametrize("kind", MODELS)
def test_every_field_is_described(kind: str) -> None:
    bare = [
        node.path for node in nodes(root(kind)) if node.path not in UNDESCRIBABLE and "description" not in node.schema
    ]
    assert bare == []
    fields = [node for node in nodes(root(kind)) if "description" in node.schema]
    assert [node.path for node in fields if not node.schema["description"].endswith(".")] == []


@pytest.mark.parametrize("kind", MODELS)
def test_every_string_and_list_that_users_write_is_bounded(kind: str) -> None:
    """CEL's cost is estimated from the largest possible value, and so is what a stranger can make us store."""
    written = [node for node in nodes(root(kind)) if node.path.startswith("spec")]
    open_ended = [
        node.path
        for node in written
        if (node.schema.get("type") == "string" and not {"maxLength", "enum"} & set(node.schema))
        or (node.schema.get("type") == "array" and "maxItems" not in node.schema)
    ]
    assert open_ended == []


def test_the_reserved_slugs_are_the_contracts() -> None:
    (rule,) = (each for each in cel_rules("DirectoryTenant") if each.message.startswith("this slug"))
    assert set(re.findall(r"'([^']+)'", rule.rule)) == RESERVED_SLUGS


def test_a_slug_is_as_long_as_the_contract_allows() -> None:
    properties = root("DirectoryTenant")["properties"]
    assert properties["spec"]["properties"]["slug"]["maxLength"] == SLUG_MAX_LENGTH
    assert properties["metadata"]["properties"]["name"]["maxLength"] <= SLUG_MAX_LENGTH


@pytest.mark.parametrize(("kind", "short"), [("DirectoryTenant", "dt"), ("DirectoryPlatform", "dplat")])
def test_names_and_columns(kind: str, short: str) -> None:
    spec = crd(kind)["spec"]
    assert spec["names"]["shortNames"] == [short]
    assert spec["names"]["categories"] == ["directory"]
    (version,) = spec["versions"]
    assert (version["name"], version["served"], version["storage"]) == ("v1beta1", True, True)
    assert version["subresources"] == {"status": {}}
    columns = [each["name"] for each in version["additionalPrinterColumns"] if not each.get("priority")]
    assert {"Ready", "Reason", "Age"} <= set(columns)
