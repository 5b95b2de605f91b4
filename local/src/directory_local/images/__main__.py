"""`python -m directory_local.images`: builds images, and checks those of the product."""

import sys
import time
from collections.abc import Callable
from typing import Annotated

import typer
from rich.console import Console

from directory_local.errors import LocalPlatformError
from directory_local.images.archive import Image
from directory_local.images.backends import BACKENDS, backend_image
from directory_local.images.checks import digest, require_reproducible, require_small, write_bill
from directory_local.images.product import PRODUCTS, product_image, recipe

app = typer.Typer(
    help="Images as OCI archives in the cache, built by buildah as root.", no_args_is_help=True, add_completion=False
)
_CONSOLE = Console(highlight=False, soft_wrap=True)

Names = Annotated[list[str] | None, typer.Argument(help="Which; all when none is named.")]
Ref = Annotated[str | None, typer.Option("--ref", help="Sources of this commit instead of the checkout's.")]
Tag = Annotated[str | None, typer.Option("--tag", help="The images' tag [the project's version].")]


@app.command()
def product(names: Names = None, tag: Tag = None, ref: Ref = None) -> None:
    """The operator's and the API's image, each with its bill of materials beside it."""
    for name in _chosen(names, PRODUCTS):
        image = _timed(lambda name=name: product_image(name, tag, ref, _say))  # type: ignore[misc]
        megabytes = require_small(name, image) / 1e6
        bill = write_bill(image, recipe(name, tag, ref).epoch)
        _CONSOLE.print(f"  {megabytes:.0f} MB of files, {digest(image.archive)}\n  {image.archive}\n  {bill}")


@app.command()
def local(names: Names = None) -> None:
    """The images of the backends that only the local cluster runs."""
    for name in _chosen(names, BACKENDS):
        image = _timed(lambda name=name: backend_image(name, _say))  # type: ignore[misc]
        _CONSOLE.print(f"  {image.archive}")


@app.command()
def check(names: Names = None, ref: Ref = None) -> None:
    """Build the product's images twice, all but the downloads: the digest must be the same."""
    for name in _chosen(names, PRODUCTS):
        found = require_reproducible(name, ref, _say)
        _CONSOLE.print(f"[green]✓[/] {name}: twice {found}")


def _chosen(names: list[str] | None, known: tuple[str, ...]) -> tuple[str, ...]:
    for name in names or ():
        if name not in known:
            message = f"There is no image {name}; there are {', '.join(known)}."
            raise LocalPlatformError(message)
    return tuple(names or known)


def _timed(make: Callable[[], Image]) -> Image:
    started = time.monotonic()
    image = make()
    _CONSOLE.print(f"[green]✓[/] {image.reference}  [dim]{time.monotonic() - started:.1f} s[/]")
    return image


def _say(line: str) -> None:
    _CONSOLE.print(f"    {line}", style="dim")


def main() -> None:
    """Run a command; what stands in its way is said in plain words."""
    try:
        app(standalone_mode=False)
    except LocalPlatformError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"Stopped: {error}", markup=False)
        sys.exit(1)


if __name__ == "__main__":
    main()
