"""Lays out the file system of a final image: interpreter, standard library, packages and what they link to, no more.

Runs in the build stage, with that stage's Python, which may be an official image's (`/usr/local`) or Debian's (`/usr`).

    assemble.py packages operator|api <folder with the lock and its wheels> <root to fill>
    assemble.py product <that folder, with src and pyproject.toml> <that root> <another root, for the product alone>
"""

import compileall
import json
import os
import py_compile
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from components import write_components
from imports import module_name, unsatisfied
from pruned import ALLOWED, EXTENSIONS, PACKAGES, STANDARD_LIBRARY
from strip import strip

USER: Final = 10001
_REMOVED: Final = "removed.json"  # the first command tells the second what was left out
_LAUNCHER: Final = "#!{python}\nimport sys\n\nfrom {module} import {function}\n\nsys.exit({function}())\n"
_SYSTEM_FILES: Final = ("/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/openssl.cnf", "/usr/share/zoneinfo")


def lay_out_packages(product: str, sources: Path, root: Path) -> None:
    """Everything but the product: what stays the same from one commit to the next."""
    stdlib, packages = (inside(root, Path(sysconfig.get_path(name))) for name in ("stdlib", "purelib"))
    install(sources / f"{product}.txt", sources / "wheels", packages)
    copy_interpreter(root)
    removed = prune(stdlib, STANDARD_LIBRARY) | prune(packages, PACKAGES) | prune(stdlib / "lib-dynload", EXTENSIONS)
    (sources / _REMOVED).write_text(json.dumps(sorted(removed)))
    require_imports((stdlib, packages), removed)
    copy_system(root)
    copy_libraries(root)
    for library in (root / "usr/local").rglob("*.so*"):  # what is Debian's comes stripped
        if not library.is_symlink():
            strip(library)
    write_components(root)
    shutil.copy(sources / "healthcheck.py", root / "usr/local/lib/healthcheck.py")
    for folder in (stdlib, packages):
        byte_compile(folder, root)
    strip_ownership(root)


def lay_out_product(sources: Path, root: Path, layer: Path) -> None:
    """The product in a layer of its own, and in `root` too, where all is proved to work together."""
    packages = inside(layer, Path(sysconfig.get_path("purelib")))
    shutil.copytree(sources / "src", packages)
    require_imports((packages,), set(json.loads((sources / _REMOVED).read_text())))
    write_scripts(sources / "pyproject.toml", packages, layer)
    byte_compile(packages, layer)
    strip_ownership(layer)
    shutil.copytree(layer, root, dirs_exist_ok=True)


def require_imports(folders: Iterable[Path], removed: set[str]) -> None:
    """End the build when something that is there imports something that is not."""
    if complaints := list(unsatisfied(folders, removed, ALLOWED)):
        sys.exit("\n".join(complaints))


def inside(root: Path, path: Path) -> Path:
    """Where an absolute path of this stage is below `root`."""
    return root / str(path).lstrip("/")


def install(requirements: Path, wheels: Path, target: Path) -> None:
    """Install the lock's wheels, without their scripts: nobody calls them."""
    options = ("--quiet", "--no-index", "--require-hashes", "--no-deps", "--no-compile", "--disable-pip-version-check")
    command = (sys.executable, "-m", "pip", "install", *options, f"--find-links={wheels}", f"--target={target}")
    subprocess.run([*command, "--root-user-action=ignore", f"--requirement={requirements}"], check=True)
    shutil.rmtree(target / "bin", ignore_errors=True)


def interpreter() -> Path:
    """This stage's Python, whose path is the same in the image."""
    return Path(sys.executable).resolve()


def copy_interpreter(root: Path) -> None:
    """Copy the interpreter and its library; `python` and `python3` are links beside other programs of ours."""
    stdlib = Path(sysconfig.get_path("stdlib"))
    target = inside(root, interpreter())
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(interpreter(), target)
    links = root / "usr/local/bin"
    links.mkdir(parents=True, exist_ok=True)
    for name in ("python", "python3"):
        (links / name).symlink_to(interpreter())
    unwanted = shutil.ignore_patterns("__pycache__", "site-packages", "dist-packages", "config-3.*")
    shutil.copytree(stdlib, inside(root, stdlib), ignore=unwanted, dirs_exist_ok=True)


def prune(folder: Path, patterns: dict[str, str]) -> set[str]:
    """Remove what the patterns match; `!` before one keeps what it matches. Returns the names of removed modules."""
    kept = {path for pattern in patterns if pattern[0] == "!" for path in folder.glob(pattern[1:])}
    removed: set[str] = set()
    for pattern in patterns:
        for path in () if pattern[0] == "!" else sorted(folder.glob(pattern)):
            if path in kept or not path.exists():
                continue
            files = (path, *path.rglob("*")) if path.is_dir() else (path,)
            removed |= {module_name(file, folder) for file in files if file.suffix in {".py", ".so"}}
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return removed


def write_scripts(project: Path, packages: Path, root: Path) -> None:
    """The project's commands whose code is in this image."""
    scripts: dict[str, str] = tomllib.loads(project.read_text())["project"]["scripts"]
    for name, entry in scripts.items():
        module, function = entry.split(":")
        if (packages / module.split(".", maxsplit=1)[0]).is_dir():
            script = root / "usr/local/bin" / name
            script.parent.mkdir(parents=True, exist_ok=True)
            script.write_text(_LAUNCHER.format(python=interpreter(), module=module, function=function))
            script.chmod(0o755)


def copy_system(root: Path) -> None:
    """Authorities, time zones, the user, and the folders that containers expect."""
    for name in _SYSTEM_FILES:
        source, target = Path(name), inside(root, Path(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target, symlinks=True) if source.is_dir() else shutil.copy(source, target)
    for name in ("right", "posix"):
        shutil.rmtree(root / "usr/share/zoneinfo" / name, ignore_errors=True)
    etc = root / "etc"
    (etc / "passwd").write_text(f"root:x:0:0:root:/:/nonexistent\ndirectory:x:{USER}:{USER}::/tmp:/nonexistent\n")
    (etc / "group").write_text(f"root:x:0:\ndirectory:x:{USER}:\n")
    (etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n")
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)


def copy_libraries(root: Path) -> None:
    """Copy what the interpreter and every extension link to, and make the loader's cache of it."""
    for link in ("lib", "lib64"):  # Debian's /lib is a link into /usr
        if Path("/", link).is_symlink():
            (root / link).symlink_to(os.readlink(f"/{link}"))
            (root / os.readlink(f"/{link}").lstrip("/")).mkdir(parents=True, exist_ok=True)
    binaries = [interpreter(), *(path for path in root.rglob("*.so*") if path.is_file())]
    for library in sorted({library for binary in binaries for library in linked(binary)}):
        source = Path(library)
        target = inside(root, source.parent.resolve()) / source.name
        # What a wheel brings along is in place already, and is found by a path relative to it.
        if not str(source).startswith(str(root)) and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    (root / "etc/ld.so.conf").write_text("/usr/local/lib\n")
    subprocess.run(["ldconfig", "-X", "-r", str(root)], check=True)
    shutil.rmtree(root / "var", ignore_errors=True)  # ldconfig's notes, which hold times


def linked(binary: Path) -> list[str]:
    """Absolute paths of the shared libraries a binary needs, directly or not."""
    done = subprocess.run(["ldd", str(binary)], capture_output=True, text=True, check=False)
    if missing := re.findall(r"(\S+) => not found", done.stdout):
        sys.exit(f"{binary} needs {', '.join(missing)}, which the base image lacks")
    return re.findall(r"(?:=> |^\s+)(/\S+) \(0x", done.stdout, flags=re.MULTILINE)


def byte_compile(folder: Path, root: Path) -> None:
    """Compile one file after the other, always in the same order, so that the result is always the same bytes."""
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    if not compileall.compile_dir(folder, quiet=2, stripdir=str(root), invalidation_mode=mode, maxlevels=20):
        sys.exit(f"Some of {folder} does not compile")


def strip_ownership(root: Path) -> None:
    """Everything is root's and read-only to others, whatever wheels say."""
    for path in (root, *root.rglob("*")):
        if path.is_symlink() or path == root / "tmp":
            continue
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


if __name__ == "__main__":
    if sys.argv[1] == "packages":
        lay_out_packages(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
    else:
        lay_out_product(*(Path(argument) for argument in sys.argv[2:]))
