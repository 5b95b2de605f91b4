"""The local certificate authority and what it signs: made once, renewed before expiry, keys readable by us only."""

import datetime as dt
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from directory_local.folder import write_if_changed

_AUTHORITY_DAYS = 3650
_LEAF_DAYS = 365
_RENEW_BEFORE = dt.timedelta(days=30)
_USAGES = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Files of a certificate and its key."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a certificate is for. Kubernetes reads `common_name` as the user and `organizations` as its groups."""

    common_name: str
    organizations: Sequence[str] = ()
    names: Sequence[str] = ()
    usages: Sequence[str] = ("server",)


class Authority:
    """A certificate authority in `folder`, created on first use under `name`."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self.files = KeyPair(folder / f"{name}.crt", folder / f"{name}.key")
        if not self.files.key.exists() or not self.files.certificate.exists():
            self._create()
        self._certificate = x509.load_pem_x509_certificate(self.files.certificate.read_bytes())
        self._key = _load_key(self.files.key)

    def issue(self, file_name: str, subject: Subject) -> KeyPair:
        """A certificate for `subject`, kept in `<file_name>.crt`; the same one until it has to be renewed."""
        files = KeyPair(self._folder / f"{file_name}.crt", self._folder / f"{file_name}.key")
        if not (files.certificate.exists() and files.key.exists() and self._still_fits(files.certificate, subject)):
            key = ec.generate_private_key(ec.SECP256R1())
            _write_key(files.key, key)
            write_if_changed(files.certificate, self._signed(subject, key))
        return files

    def _still_fits(self, path: Path, subject: Subject) -> bool:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        try:
            certificate.verify_directly_issued_by(self._certificate)
        except Exception:  # noqa: BLE001 - whatever is wrong with it, a new one is the answer
            return False
        return (
            certificate.subject == _name(subject)
            and _alternative_names(certificate) == [str(name) for name in subject.names]
            and certificate.not_valid_after_utc - _RENEW_BEFORE > dt.datetime.now(dt.UTC)
        )

    def _create(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self._name)])
        certificate = (
            _dated(x509.CertificateBuilder(), _AUTHORITY_DAYS)
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(authority=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        _write_key(self.files.key, key)
        write_if_changed(self.files.certificate, _pem(certificate), mode=0o644)

    def _signed(self, subject: Subject, key: ec.EllipticCurvePrivateKey) -> str:
        builder = (
            _dated(x509.CertificateBuilder(), _LEAF_DAYS)
            .subject_name(_name(subject))
            .issuer_name(self._certificate.subject)
            .public_key(key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([_USAGES[usage] for usage in subject.usages]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if subject.names:
            names = x509.SubjectAlternativeName([_general_name(name) for name in subject.names])
            builder = builder.add_extension(names, critical=False)
        return _pem(builder.sign(self._key, hashes.SHA256()))


def signing_key(folder: Path, name: str) -> KeyPair:
    """A bare key pair, such as the one that signs service account tokens; `certificate` is the public key's file."""
    files = KeyPair(folder / f"{name}.pub", folder / f"{name}.key")
    if not files.key.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        write_if_changed(files.certificate, public.decode())
        _write_key(files.key, key)
    return files


def _dated(builder: x509.CertificateBuilder, days: int) -> x509.CertificateBuilder:
    # An hour back, for clocks that disagree a little (a container's, a virtual machine's after sleep).
    start = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    return (
        builder.serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=days))
    )


def _name(subject: Subject) -> x509.Name:
    organizations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in subject.organizations]
    return x509.Name([*organizations, x509.NameAttribute(NameOID.COMMON_NAME, subject.common_name)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _alternative_names(certificate: x509.Certificate) -> list[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return [str(name.value) for name in extension.value]


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_if_changed(path, text.decode())


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        message = f"{path} holds no elliptic-curve key"
        raise TypeError(message)
    return key
