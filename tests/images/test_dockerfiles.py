"""The build files keep the rules: nothing unpinned, no root, no shell, no secret, no more context than is copied."""

import re

import pytest

from tests.images.dockerfile import PRODUCTS, REPOSITORY, Dockerfile, every, product

FILES = {str(each.path.relative_to(REPOSITORY)): each for each in every()}
LABELS = ("title", "description", "version", "revision", "created", "source", "licenses")

INSTRUCTIONS = {"ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "RUN", "USER", "WORKDIR"}


@pytest.fixture(params=FILES, ids=list(FILES))
def file(request: pytest.FixtureRequest) -> Dockerfile:
    return FILES[request.param]


def test_every_line_is_an_instruction(file: Dockerfile) -> None:
    assert {each.word for each in file.instructions} <= INSTRUCTIONS


def test_what_an_image_starts_from_is_given_by_a_build_argument(file: Dockerfile) -> None:
    known = {"scratch"} | {f"${{{each.rest.partition('=')[0]}}}" for each in file.before if each.word == "ARG"}
    for stage in file.stages:
        assert stage.base in known, "a base is pinned by the digest that a build argument gives"
        known.add(stage.name)


def test_commands_are_written_so_that_they_need_no_shell(file: Dockerfile) -> None:
    for instruction in file.instructions:
        if instruction.word in {"CMD", "ENTRYPOINT", "HEALTHCHECK"}:
            assert instruction.is_exec_form(), instruction


def test_packages_are_pinned_or_debians(file: Dockerfile) -> None:
    for stage in file.stages:
        for run in stage.all("RUN"):
            if "pip install" in run.rest or "pip download" in run.rest:
                assert "--require-hashes" in run.rest
            if "apt-get install" in run.rest:
                assert "--no-install-recommends" in run.rest
                assert "rm -rf /var/lib/apt/lists/*" in run.rest
    assert not [each for each in file.instructions if each.word == "ADD"], "COPY does what is meant"


def test_no_secret_is_an_argument_or_a_variable(file: Dockerfile) -> None:
    names = [
        name
        for each in file.instructions
        if each.word in {"ARG", "ENV"}
        for name in re.findall(r"(?:^|\s)(\w+)=?", each.rest)
    ]
    assert not [name for name in names if re.search("PASSWORD|TOKEN|SECRET|CREDENTIAL", name.upper())]


def test_nobody_runs_as_root(file: Dockerfile) -> None:
    users = file.last.all("USER")
    if "images/debian" in str(file.path):
        return  # what others start from
    assert users, "a USER by number, so that runAsNonRoot can be checked"
    assert re.fullmatch(r"(\$\{UID\}|[1-9]\d*)(:.*)?", users[-1].rest)


@pytest.mark.parametrize("name", PRODUCTS)
def test_the_final_image_has_only_what_is_copied_into_it(name: str) -> None:
    final = product(name).last
    assert final.base == "scratch"
    assert final.all("RUN") == [], "nothing can run there: there is no shell"
    assert final.all("USER")[-1].rest == "10001:10001"
    assert len(final.all("HEALTHCHECK")) == len(final.all("ENTRYPOINT")) == 1


@pytest.mark.parametrize("name", PRODUCTS)
def test_the_final_image_says_what_it_is(name: str) -> None:
    text = " ".join(each.rest for each in product(name).last.all("LABEL"))
    for label in LABELS:
        assert re.search(rf'org\.opencontainers\.image\.{label}="[^"]+"', text), label
    assert 'licenses="Apache-2.0"' in text


def test_the_two_images_are_built_alike() -> None:
    def shape(name: str) -> list[tuple[str, list[str]]]:
        return [(stage.name, [each.word for each in stage.instructions]) for stage in product(name).stages]

    assert shape("operator") == shape("api")


def test_the_context_is_what_is_copied() -> None:
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*", "nothing gets in that is not named"
    admitted = {rule[1:] for rule in rules if rule.startswith("!")}
    assert admitted == product("operator").copied() | product("api").copied()
    for path in admitted:
        assert (REPOSITORY / path).exists(), path
    assert "**/__pycache__" in rules


def test_secrets_of_the_index_are_mounted_and_not_copied() -> None:
    for name in PRODUCTS:
        runs = [run.rest for stage in product(name).stages for run in stage.all("RUN")]
        assert [run for run in runs if "pip download" in run and "--mount=type=secret,id=pip-configuration" in run]
        assert not [source for source in product(name).copied() if "pip.conf" in source]
