"""Certificates for tests, made on the spot."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def tls_pair(
    *hosts: str, starts: timedelta = timedelta(days=-1), ends: timedelta = timedelta(days=30)
) -> dict[str, str]:
    """A self-signed certificate for the hosts and its key, by the keys of a TLS Secret; valid around `NOW`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tests")])
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), NOW + starts, NOW + ends
    )
    if hosts:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False
        )
    return {
        "tls.crt": builder.sign(key, SHA256()).public_bytes(Encoding.PEM).decode(),
        "tls.key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    }
