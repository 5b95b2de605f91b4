"""How this machine reaches its package index, handed to a build as secrets, which no layer keeps."""

import configparser
import os
import ssl
from collections.abc import Mapping
from pathlib import Path

_FILES = ("/etc/pip.conf", "~/.pip/pip.conf", "~/.config/pip/pip.conf")
_FORWARDED = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "retries")
"""pip's settings that say where packages are. A folder of this machine (`find-links`) means nothing in a build."""

_CERTIFICATES = "certificates"


def pip_secrets(folder: Path) -> Mapping[str, Path]:
    """Write pip's configuration and this machine's authorities into `folder`; each secret's name with its file."""
    settings = settings_of_pip(os.environ)
    secrets: dict[str, Path] = {}
    certificates = authorities(os.environ, settings.pop("cert", None))
    if certificates:
        settings["cert"] = "/run/secrets/certificates.pem"
        secrets[_CERTIFICATES] = folder / "certificates.pem"
        secrets[_CERTIFICATES].write_bytes(certificates.read_bytes())
    parser = configparser.RawConfigParser()
    parser["global"] = settings
    secrets["pip-configuration"] = folder / "pip.conf"
    with secrets["pip-configuration"].open("w") as file:
        parser.write(file)
    return secrets


def settings_of_pip(environment: Mapping[str, str]) -> dict[str, str]:
    """What pip's configuration files and variables say about the index, the variables first, as pip has it."""
    parser = configparser.RawConfigParser()
    named = environment.get("PIP_CONFIG_FILE")
    parser.read([*(Path(name).expanduser() for name in _FILES), *([named] if named else [])])
    found = dict(parser["global"]) if parser.has_section("global") else {}
    wanted = (*_FORWARDED, "cert")
    variables = {name: environment.get(f"PIP_{name.upper().replace('-', '_')}") for name in wanted}
    return {name: value for name in wanted if (value := variables[name] or found.get(name))}


def authorities(environment: Mapping[str, str], configured: str | None) -> Path | None:
    """The bundle of authorities this machine trusts, which may be more than the public ones."""
    paths = ssl.get_default_verify_paths()
    for name in (configured, environment.get("SSL_CERT_FILE"), paths.cafile, paths.openssl_cafile):
        if name and Path(name).is_file():
            return Path(name)
    return None
