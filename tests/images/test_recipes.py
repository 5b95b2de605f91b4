"""When an image is built anew, under which name, and what of this machine a build is told."""

import subprocess
from pathlib import Path

import pytest

from directory_local.images import index, product
from directory_local.images.archive import Recipe, key
from directory_local.images.backends import BACKENDS, VERSIONS
from tests.images.dockerfile import REPOSITORY


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    file = tmp_path / "Dockerfile"
    file.write_text("FROM scratch\n")
    return Recipe("some", "companydirectory.io/some:1", file, lambda _context: None)


def test_the_same_content_is_the_same_image(recipe: Recipe, tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "code.py").write_text("1")
    before = key(recipe, context)
    assert key(recipe, context) == before
    (context / "code.py").chmod(0o755)
    changed = key(recipe, context)
    (context / "code.py").write_text("2")
    assert len({before, changed, key(recipe, context)}) == 3


def test_another_name_or_build_file_is_another_image(recipe: Recipe, tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    before = key(recipe, context)
    recipe.file.write_text("FROM scratch\nUSER 1\n")
    assert key(recipe, context) != before


@pytest.mark.parametrize("name", product.PRODUCTS)
def test_a_product_is_named_after_its_version_unless_told_otherwise(name: str) -> None:
    version = product.described(product.source_paths(name), None).version
    assert product.recipe(name).reference == f"companydirectory.io/{name}:{version}"
    assert product.recipe(name, tag="next").reference == f"companydirectory.io/{name}:next"


@pytest.mark.parametrize("name", product.PRODUCTS)
def test_an_earlier_commit_gives_that_commits_sources(name: str, tmp_path: Path) -> None:
    paths = product.source_paths(name)
    old = subprocess.run(
        ["git", "-C", str(REPOSITORY), "log", "-1", "--format=%H", "--", *paths],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    recipe = product.recipe(name, "old", old)
    recipe.stage(tmp_path)
    assert recipe.arguments["REVISION"] == old
    assert recipe.arguments["CREATED"].endswith("Z")
    assert (tmp_path / "images" / "python" / "assemble.py").exists()
    shown = subprocess.run(
        ["git", "-C", str(REPOSITORY), "show", f"{old}:pyproject.toml"], capture_output=True, check=True
    )
    assert (tmp_path / "pyproject.toml").read_bytes() == shown.stdout


@pytest.mark.parametrize("name", product.PRODUCTS)
def test_the_checkouts_context_holds_sources_and_nothing_else(name: str, tmp_path: Path) -> None:
    product.recipe(name).stage(tmp_path)
    other = {"operator": "api", "api": "operator"}[name]
    assert not (tmp_path / other).exists()
    assert not list(tmp_path.rglob("__pycache__"))
    assert {path.name for path in tmp_path.iterdir()} == {"pyproject.toml", "requirements", "contract", name, "images"}


def test_the_backends_have_build_files_that_read_their_base_from_an_argument() -> None:
    for name in VERSIONS:
        assert "ARG BASE\nFROM ${BASE}" in (REPOSITORY / "images" / name / "Dockerfile").read_text()
    assert "minio" in BACKENDS


def test_pips_variables_come_before_its_files(tmp_path: Path) -> None:
    file = tmp_path / "pip.conf"
    file.write_text("[global]\nindex-url = https://files.example/simple\ntimeout = 9\nfind-links = /here\n")
    environment = {"PIP_CONFIG_FILE": str(file), "PIP_INDEX_URL": "https://variables.example/simple"}
    settings = index.settings_of_pip(environment)
    assert settings["index-url"] == "https://variables.example/simple"
    assert settings["timeout"] == "9"
    assert "find-links" not in settings, "a folder of this machine is not in a build"


def test_a_build_trusts_whom_this_machine_trusts(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("authorities")
    assert index.authorities({"SSL_CERT_FILE": str(bundle)}, None) == bundle
    assert index.authorities({"SSL_CERT_FILE": "/nowhere"}, str(bundle)) == bundle


def test_secrets_are_files_in_the_folder_that_goes_away(tmp_path: Path) -> None:
    secrets = index.pip_secrets(tmp_path)
    assert "pip-configuration" in secrets
    assert all(path.parent == tmp_path for path in secrets.values())
    assert "[global]" in secrets["pip-configuration"].read_text()
