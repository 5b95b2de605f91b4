"""What is made from one source is as that source says: run `python -m scripts.packaging` after a change."""

import json
from pathlib import Path

import pytest
import yaml

from scripts.packaging.chart import CHART, REPOSITORY
from scripts.packaging.outputs import chart_files, rendered_files
from scripts.packaging.readme import values

RUN = "run: python -m scripts.packaging"


def test_what_the_chart_brings_along_is_up_to_date() -> None:
    stale = [path.relative_to(REPOSITORY) for path, text in chart_files().items() if path.read_text() != text]
    assert stale == [], RUN


def test_the_manifests_are_up_to_date(helm: Path) -> None:
    stale = [path.relative_to(REPOSITORY) for path, text in rendered_files(helm).items() if path.read_text() != text]
    assert stale == [], RUN


def test_no_crd_is_in_the_chart_that_the_repository_does_not_have() -> None:
    assert {each.name for each in (CHART / "crds").iterdir()} == {each.name for each in (REPOSITORY / "crds").iterdir()}


def leaves(tree: object, path: str = "") -> set[str]:
    if isinstance(tree, dict) and tree:
        return {leaf for name, each in tree.items() for leaf in leaves(each, f"{path}.{name}")}
    return {path.removeprefix(".")}


def test_every_value_is_explained() -> None:
    explained = {each.path for each in values(CHART / "values.yaml")}
    unexplained = {
        leaf
        for leaf in leaves(yaml.safe_load((CHART / "values.yaml").read_text()))
        if not any(leaf == path or leaf.startswith(f"{path}.") for path in explained)
    }
    assert unexplained == set(), "write a comment that begins with `# --`"


@pytest.mark.parametrize("field", ["version", "appVersion"])
def test_the_chart_has_the_projects_version(field: str) -> None:
    project = (REPOSITORY / "pyproject.toml").read_text().split('version = "', 1)[1].split('"', 1)[0]
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())[field] == project


def test_no_object_of_the_schema_takes_what_it_does_not_know() -> None:
    def open_objects(schema: object, path: str) -> list[str]:
        if isinstance(schema, list):
            return [each for index, item in enumerate(schema) for each in open_objects(item, f"{path}[{index}]")]
        if not isinstance(schema, dict):
            return []
        lists_fields = isinstance(schema.get("properties"), dict) and "type" in schema
        found = [path] if lists_fields and schema.get("additionalProperties") is not False else []
        return found + [each for name, item in schema.items() for each in open_objects(item, f"{path}/{name}")]

    assert open_objects(json.loads((CHART / "values.schema.json").read_text()), "") == []
