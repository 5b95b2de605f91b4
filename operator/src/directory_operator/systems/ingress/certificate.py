"""Whether a TLS Secret can serve a tenant's custom hosts. Pure; the private key is compared and never kept."""

import binascii
from base64 import b64decode
from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from directory_operator.manifests import Manifest

_TYPE = "kubernetes.io/tls"


def certificate_problem(secret: Manifest, hosts: Sequence[str], now: datetime) -> str | None:
    """What keeps the Secret's certificate from serving `hosts`, in words for the condition; None when it can."""
    if secret.get("type") != _TYPE:
        return f"is of type {secret.get('type')} instead of {_TYPE}"
    data: dict[str, str] = secret.get("data") or {}
    try:
        certificate = x509.load_pem_x509_certificate(b64decode(data.get("tls.crt", "")))
    except (ValueError, binascii.Error):
        return "holds no PEM certificate in tls.crt"
    if not _fits(certificate, data.get("tls.key", "")):
        return "holds in tls.key no private key of the certificate in tls.crt"
    if certificate.not_valid_after_utc <= now:
        return f"holds a certificate that expired at {certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}"
    if certificate.not_valid_before_utc > now:
        return f"holds a certificate that is not valid before {certificate.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}"
    names = _dns_names(certificate)
    uncovered = [host for host in hosts if not any(_covers(name, host) for name in names)]
    return f"holds a certificate that does not cover {', '.join(uncovered)}" if uncovered else None


def _fits(certificate: x509.Certificate, encoded_key: str) -> bool:
    try:
        key = load_pem_private_key(b64decode(encoded_key), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm, binascii.Error):
        return False  # not PEM, encrypted, or of a kind that no server uses
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return key.public_key().public_bytes(*form) == certificate.public_key().public_bytes(*form)


def _dns_names(certificate: x509.Certificate) -> list[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [name.lower() for name in extension.value.get_values_for_type(x509.DNSName)]


def _covers(name: str, host: str) -> bool:
    """Whether a certificate's DNS name is the host's (RFC 6125 section 6.4.3: a wildcard is one whole left label)."""
    if name.startswith("*."):
        return "." in host and name[2:] == host.split(".", 1)[1]
    return name == host
