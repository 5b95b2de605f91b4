"""What the reference says is what the code does."""

import ast
import importlib.util
import re
from enum import StrEnum
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from directory_operator.metrics import Metrics
from directory_operator.platform.session import CONDITIONS
from directory_operator.reasons import EventReason, Reason
from directory_operator.settings import OperatorSettings
from directory_operator.steps import STEPS
from tests.house.source import REPOSITORY, Module, product

REFERENCE = REPOSITORY / "docs" / "reference"


def section(title: str) -> set[str]:
    """First column of the table under a heading of conditions.md."""
    text = (REFERENCE / "conditions.md").read_text()
    body = text.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
    return set(re.findall(r"^\| `(\w+)`", body, re.MULTILINE))


def test_the_page_of_fields_is_up_to_date() -> None:
    found = importlib.util.spec_from_file_location("reference_docs", REPOSITORY / "scripts" / "reference_docs.py")
    assert found
    assert found.loader
    script: Any = importlib.util.module_from_spec(found)
    found.loader.exec_module(script)
    assert (REFERENCE / "crds.md").read_text() == script.page(), "run: python scripts/reference_docs.py"


@pytest.mark.parametrize(("title", "reasons"), [("Reasons", Reason), ("Events", EventReason)])
def test_every_reason_is_explained_and_no_other(title: str, reasons: type[StrEnum]) -> None:
    assert section(title) == {str(reason) for reason in reasons}


def test_every_condition_is_explained() -> None:
    always = {"Ready", "Progressing", "Stalled", "DeletionBlocked"}
    assert section("Conditions of a DirectoryTenant") == always | {step.condition for step in STEPS}
    assert section("Conditions of a DirectoryPlatform") == {"Ready", "PoolReady", *CONDITIONS.values()}


def test_every_setting_and_metric_of_the_operator_is_explained_and_no_other() -> None:
    text = (REFERENCE / "operator.md").read_text()
    registry = CollectorRegistry()
    Metrics(registry)
    settings = {f"DIRECTORY_OPERATOR_{name.upper()}" for name in OperatorSettings.model_fields}
    metrics = {family.name for family in registry.collect()}
    assert set(re.findall(r"^\| `(\w+)`", text, re.MULTILINE)) == settings | metrics


def members_used(module: Module, enumeration: str) -> set[str]:
    return {
        node.attr
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == enumeration
    }


@pytest.mark.parametrize("reasons", [Reason, EventReason])
def test_every_reason_is_given_somewhere(reasons: type[StrEnum]) -> None:
    used = {name for module in product() for name in members_used(module, reasons.__name__)}
    assert {each.name for each in reasons} - used == set(), "a reason that nobody gives is no reason"
