"""Proves in the finished file system that the product works there: `python - operator|api < prove.py`.

What the imports of the product's modules don't reach is used here: authorities, the object store's client, pictures,
migrations. That no import statement of any library misses what was left out is `imports.py`'s proof.
"""

import importlib
import os
import pkgutil
import ssl
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Final

PRODUCTS: Final = {
    "operator": ("directory_contract", "directory_operator", "kopf", "uvloop"),
    "api": ("directory_contract", "directory_api", "uvicorn.protocols.http.httptools_impl", "uvloop", "watchfiles"),
}


def main(product: str) -> None:
    for package in PRODUCTS[product]:
        for name in module_names(package):
            importlib.import_module(name)
    check_authorities()
    check_object_store()
    if product == "api":
        check_pictures()
        check_migrations()
    tools = [name for folder in ("/bin", "/sbin", "/usr/bin", "/usr/sbin") for name in names(folder)]
    require(all(name.startswith("python") for name in tools), f"there are tools for intruders: {tools}")


def module_names(package: str) -> Iterator[str]:
    """A package of ours and all modules below it, or the one module of somebody else's."""
    yield package
    if package.startswith("directory_"):
        found = importlib.import_module(package)
        for module in pkgutil.walk_packages(found.__path__, f"{package}."):
            yield module.name


def check_authorities() -> None:
    count = len(ssl.create_default_context(cafile="/etc/ssl/certs/ca-certificates.crt").get_ca_certs())
    require(count > 50, f"only {count} public authorities")


def check_object_store() -> None:
    import boto3

    for service in ("s3", "sts"):
        client = boto3.client(service, "us-east-1", aws_access_key_id="key", aws_secret_access_key="secret")  # noqa: S106
        require(bool(client.meta.service_model.operation_names), f"{service} has no operations")
        require("amazonaws.com" in client.meta.endpoint_url, f"{service} has no endpoint")
    s3 = boto3.client("s3", "us-east-1", aws_access_key_id="key", aws_secret_access_key="secret")  # noqa: S106
    for method in ("list_objects_v2", "delete_bucket", "put_bucket_lifecycle_configuration", "put_bucket_policy"):
        require(callable(getattr(s3, method, None)), f"S3 has no {method}")
    for waiter in ("bucket_exists", "object_not_exists"):
        s3.get_waiter(waiter)
    s3.get_paginator("list_object_versions")


def check_pictures() -> None:
    from PIL import Image, ImageOps

    for kind in ("JPEG", "PNG", "WEBP"):
        file = BytesIO()
        Image.new("RGB", (64, 64), "red").save(file, kind)
        picture = ImageOps.exif_transpose(Image.open(BytesIO(file.getvalue())))
        picture.thumbnail((16, 16))
        require(picture.size == (16, 16), f"{kind} pictures are not read")


def check_migrations() -> None:
    import psycopg
    from yoyo import read_migrations

    from directory_api import migrate

    require(psycopg.pq.version() > 0, "libpq does not load")
    folder = Path(str(migrate.__file__)).parent / "migrations"
    require(len(read_migrations(str(folder))) > 0, "no migrations are in the image")


def names(folder: str) -> list[str]:
    return os.listdir(folder) if Path(folder).is_dir() else []


def require(condition: bool, complaint: str) -> None:  # noqa: FBT001
    if not condition:
        sys.exit(complaint)


if __name__ == "__main__":
    main(sys.argv[1])
