"""What is left out of the images, each with its reason. The build fails when something needs it after all."""

from typing import Final

STANDARD_LIBRARY: Final = {
    "test": "Python's own tests",
    "idlelib": "an editor",
    "tkinter": "windows",
    "turtle*": "windows",
    "ensurepip": "brings pip, and an image without a package manager is meant",
    "venv": "makes environments",
    "lib2to3": "a tool for authors",
    "pydoc_data": "texts of an interactive help",
    "rlcompleter.py": "the interactive prompt",
    "*/__main__.py": "commands of the standard library, none of which is called here",
    "curses": "terminals",
    "dbm": "old databases",
    "shelve.py": "old databases",
    "EXTERNALLY-MANAGED": "speaks to users of pip",
    "LICENSE.txt": "a copy is in the base image's sources",
}

EXTENSIONS: Final = {
    "_tkinter.*": "windows",
    "readline.*": "the interactive prompt; its library goes with it",
    "_curses*": "terminals; its library goes with it",
    "_dbm.*": "an old database; its library goes with it",
    "_gdbm.*": "an old database; its library goes with it",
    "_test*": "Python's own tests",
    "_ctypes_test.*": "Python's own tests",
    "_xxtestfuzz.*": "Python's own tests",
    "xx*": "examples",
}
"""Extension modules of the standard library, in `lib-dynload`."""

PACKAGES: Final = {
    "botocore/data/*": "descriptions of four hundred services of Amazon's; of S3 and STS we need them",
    "!botocore/data/*.json": "endpoints, partitions, retries: of all services",
    "!botocore/data/s3": "the object store",
    "!botocore/data/sts": "session credentials",
    "boto3/data/*": "resources; we use clients",
    "boto3/examples": "texts",
    **{
        pattern.format(client): "the generated typed client, loaded on demand; ours asks for no type (ADR 2)"
        for client in ("kubernetes/client", "kubernetes/aio/client")
        for pattern in ("{}/api/*", "{}/models/*", "!{}/api/__init__.py", "!{}/models/__init__.py")
    },
    "!kubernetes/client/api/custom_objects_api.py": "imported by kubernetes.utils",
    **{
        f"!kubernetes/client/models/v1_{model}.py": "imported by custom_objects_api, or by kubernetes.leaderelection"
        for model in (
            *("api_resource", "api_resource_list", "delete_options", "preconditions"),
            *("managed_fields_entry", "object_meta", "owner_reference"),
        )
    },
    "PIL/_avif.*": "a kind of picture that is refused; its library goes with it",
    "pillow.libs/libavif-*": "a kind of picture that is refused",
    "**/tests": "others' tests",
    "**/*.pyi": "types, for checkers",
    "**/*.pyx": "sources of compiled extensions",
    "**/*.pxd": "sources of compiled extensions",
    "**/*.c": "sources of compiled extensions",
    "**/*.h": "sources of compiled extensions",
}

ALLOWED: Final = {
    "PIL.AvifImagePlugin": "goes on without _avif",
    "PIL.ImageTk": "windows",
    "PIL._tkinter_finder": "windows",
    "PIL.features": "goes on without _avif",
    "cmd": "goes on without readline",
    "code": "goes on without readline",
    "pdb": "goes on without readline",
    "pstats": "goes on without readline",
    "pydoc": "only its interactive help needs its topics; kubernetes imports the module",
    "_pyrepl": "the interactive prompt; pydoc imports its pager",
    "site": "only the interactive prompt needs them",
    "multiprocessing.util": "asks for test.support only while Python's own tests run",
    "websocket._wsdump": "a command of its authors",
    "websockets.cli": "a command of its authors",
}
"""Modules whose imports may miss something, each with the reason why that is no harm."""
