"""Building Go programs once: keyed by what they are made of, atomic, with progress and plain errors."""

from pathlib import Path

import pytest

from directory_local import build as subject
from directory_local.build import GoProgram, build, built
from directory_local.errors import BuildFailed


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GoProgram:
    """A Go program with nothing to fetch, in a checkout of its own."""
    module = tmp_path / "local" / "hello"
    module.mkdir(parents=True)
    (module / "go.mod").write_text("module example.com/hello\n\ngo 1.24\n")
    (module / "go.sum").touch()
    (module / "main.go").write_text('package main\n\nfunc main() { println("hello") }\n')
    monkeypatch.setattr(subject, "root", lambda: tmp_path)
    return GoProgram("hello", ".")


def test_a_program_is_built_once_and_shows_progress(program: GoProgram, tmp_path: Path) -> None:
    cache, said = tmp_path / "cache", list[str]()
    assert built(program, cache) is None
    binary = build(program, cache, said.append)
    assert binary == built(program, cache)
    assert any("hello: compiled" in line for line in said)
    said.clear()
    assert build(program, cache, said.append) == binary
    assert said == []


def test_a_changed_source_is_another_program(program: GoProgram, tmp_path: Path) -> None:
    before = program.key
    (program.module / "main.go").write_text('package main\n\nfunc main() { println("bye") }\n')
    assert program.key != before
    assert GoProgram("hello", ".", tags=("small",)).key != program.key


def test_a_failed_build_leaves_nothing_and_shows_the_compilers_words(program: GoProgram, tmp_path: Path) -> None:
    (program.module / "main.go").write_text("package main\n\nfunc main() { undefined() }\n")
    with pytest.raises(BuildFailed, match=r"undefined: undefined"):
        build(program, tmp_path / "cache", lambda _line: None)
    assert built(program, tmp_path / "cache") is None


def test_a_module_may_hold_several_programs(program: GoProgram, tmp_path: Path) -> None:
    package = program.module / "bye"
    package.mkdir()
    (package / "main.go").write_text('package main\n\nfunc main() { println("bye") }\n')
    second = GoProgram("bye", "./bye", home="hello")
    assert second.module == program.module
    binary = build(second, tmp_path / "cache", lambda _line: None)
    assert binary.name == "bye"
    assert built(program, tmp_path / "cache") is None
    before = second.key
    (package / "main.go").write_text('package main\n\nfunc main() { println("good bye") }\n')
    assert second.key != before
