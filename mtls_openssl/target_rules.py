"""Programs on the other side of a connection, and what each refuses: the table, as data.

Every row was measured with the programs that `TARGETS` names, and is tried again, each with a
certificate that is sound but for the one thing, by tests/e2e/test_targets.py; what a program says
is quoted as it says it. A row that could not be tried has no place here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mtls_openssl.certificate import Certificate

ROOT, ISSUING, SERVER, CLIENT = "root", "issuing", "server", "client"
AUTHORITY = (ROOT, ISSUING)


@dataclass(frozen=True)
class Target:
    """A program that judges its peer's certificates."""

    name: str
    measured: str
    """The version that the rules were measured with."""
    serves: bool
    """Whether it is a server too, and so judges clients' certificates."""


TARGETS = {
    target.name: target
    for target in (
        Target("curl", "curl 7.88 with OpenSSL 3.0, security level 2", serves=False),
        Target("python3.13", "Python 3.13 with OpenSSL 3.0", serves=True),
        Target("node", "Node 20", serves=True),
        Target("go", "Go 1.19", serves=True),
        Target("java", "Java 17", serves=True),
        Target("chromium", "Chromium 156", serves=False),
        Target("firefox", "Firefox 153 ESR", serves=False),
    )
}


@dataclass(frozen=True)
class Rule:
    """Something about a certificate that some programs refuse."""

    name: str
    of: tuple[str, ...]
    """Whose certificate: root, issuing, server, client."""
    when: Callable[[Certificate], bool]
    says: Mapping[str, str]
    """The words of each target that refuses it; where a server has others: client's / server's."""
    mend: str
    """What would mend it: erratum, modern, names, key or digest; `targets` says it in words."""


def _weak(certificate: Certificate) -> bool:
    return certificate.algorithm == "RSA" and certificate.bits < 2048


def _key(algorithm: str, bits: int = 0) -> Callable[[Certificate], bool]:
    def holds(certificate: Certificate) -> bool:
        same = certificate.algorithm.startswith(algorithm)
        return same and (not bits or certificate.bits == bits)

    return holds


def _bounded(extension: str, item: str) -> Callable[[Certificate], bool]:
    """Tell that an extension is there which says what is allowed, and does not allow this."""
    return lambda certificate: certificate.has(extension) and not certificate.has(extension, item)


def _is_authority(certificate: Certificate) -> bool:
    return certificate.has("basicConstraints", "CA:TRUE")


_NO_PARENT = "x509: invalid signature: parent certificate cannot sign this kind of certificate"
_UNKNOWN = "x509: cannot verify signature: algorithm unimplemented"

RULES = (
    # Authorities
    Rule(
        "version 1 authority",
        (ROOT,),
        lambda it: it.version == 1,
        {"python3.13": "invalid CA certificate"},
        "erratum",
    ),
    Rule(
        "authority without basicConstraints",
        (ROOT,),
        lambda it: it.version > 1 and not _is_authority(it),
        {
            "curl": "invalid CA certificate",
            "python3.13": "invalid CA certificate",
            "node": "INVALID_PURPOSE (unsuitable certificate purpose)",
            "go": _NO_PARENT,
            "java": "is not a CA certificate",
            "firefox": "SEC_ERROR_CA_CERT_INVALID",
        },
        "erratum",
    ),
    Rule(
        "issuing authority that is none",
        (ISSUING,),
        lambda it: not _is_authority(it),
        {
            "curl": "invalid CA certificate",
            "python3.13": "invalid CA certificate",
            "node": "INVALID_PURPOSE (unsuitable certificate purpose)",
            "go": _NO_PARENT,
            "java": "basic constraints check failed",
            "chromium": "ERR_CERT_INVALID",
            "firefox": "SEC_ERROR_CA_CERT_INVALID",
        },
        "modern",
    ),
    Rule(
        "authority whose basicConstraints are not critical",
        AUTHORITY,
        lambda it: _is_authority(it) and not it.has("basicConstraints", "critical"),
        {"python3.13": "Basic Constraints of CA cert not marked critical"},
        "modern",
    ),
    Rule(
        "authority without keyUsage",
        AUTHORITY,
        lambda it: _is_authority(it) and not it.has("keyUsage"),
        {"python3.13": "CA cert does not include key usage extension"},
        "modern",
    ),
    Rule(
        "authority that may not sign",
        AUTHORITY,
        lambda it: _is_authority(it) and _bounded("keyUsage", "keyCertSign")(it),
        {
            "curl": "invalid CA certificate",
            "python3.13": "invalid CA certificate",
            "node": "UNSPECIFIED (key usage does not include certificate signing)",
            "go": _NO_PARENT,
            "java": "does not have keyCertSign bit set in KeyUsage extension",
            "chromium": "ERR_CERT_INVALID",
            "firefox": "SEC_ERROR_INADEQUATE_KEY_USAGE",
        },
        "modern",
    ),
    Rule(
        "authority with a weak key",
        AUTHORITY,
        _weak,
        {"curl": "CA certificate key too weak", "python3.13": "CA certificate key too weak"},
        "key",
    ),
    Rule(
        "authority with an Ed25519 key",
        AUTHORITY,
        _key("ED25519"),
        {"chromium": "ERR_CERT_INVALID", "firefox": "SEC_ERROR_UNSUPPORTED_KEYALG"},
        "key",
    ),
    Rule(
        "authority with an ML-DSA key",
        AUTHORITY,
        _key("ML-DSA"),
        {
            "curl": "decode error",
            "python3.13": "unable to get local issuer certificate",
            "node": "UNABLE_TO_VERIFY_LEAF_SIGNATURE (unable to verify the first certificate)",
            "go": _UNKNOWN,
            "java": "handshake_failure / Empty client certificate chain",
            "firefox": "SEC_ERROR_UNSUPPORTED_KEYALG",
        },
        "key",
    ),
    Rule(
        "root that no NSS database of Debian 12 takes",
        (ROOT,),
        _key("ML-DSA"),
        {"chromium": "SEC_ERROR_ADDING_CERT"},
        "key",
    ),
    # What an authority signed
    Rule(
        "SHA-1 signature",
        (ISSUING, SERVER, CLIENT),
        lambda it: it.digest in ("sha1", "md5"),
        {
            "curl": "CA signature digest algorithm too weak",
            "python3.13": "CA signature digest algorithm too weak",
            "node": "UNSPECIFIED (CA signature digest algorithm too weak)",
            "go": "x509: cannot verify signature: insecure algorithm",
            "chromium": "ERR_CERT_INVALID",
            "firefox": "SEC_ERROR_CERT_SIGNATURE_ALGORITHM_DISABLED",
        },
        "digest",
    ),
    Rule(
        "SHA-224 signature",
        (ISSUING, SERVER, CLIENT),
        lambda it: it.digest == "sha224",
        {
            "go": _UNKNOWN,
            "chromium": "ERR_CERT_INVALID",
            "firefox": "SEC_ERROR_CERT_SIGNATURE_ALGORITHM_DISABLED",
        },
        "digest",
    ),
    Rule(
        "SHA-224 signature of a client",
        (CLIENT,),
        lambda it: it.digest == "sha224",
        {"java": "Empty client certificate chain"},
        "digest",
    ),
    Rule(
        "no authorityKeyIdentifier",
        (ISSUING, SERVER, CLIENT),
        lambda it: it.version > 1 and not it.has("authorityKeyIdentifier"),
        {"python3.13": "Missing Authority Key Identifier"},
        "modern",
    ),
    # Servers
    Rule(
        "server without subjectAltName",
        (SERVER,),
        lambda it: not it.has("subjectAltName"),
        {
            "go": "x509: certificate relies on legacy Common Name field, use SANs instead",
            "chromium": "ERR_CERT_COMMON_NAME_INVALID",
            "firefox": "SSL_ERROR_BAD_CERT_DOMAIN",
        },
        "names",
    ),
    Rule(
        "server that is an authority",
        (SERVER,),
        _is_authority,
        {"firefox": "MOZILLA_PKIX_ERROR_CA_CERT_USED_AS_END_ENTITY"},
        "modern",
    ),
    Rule(
        "server whose extendedKeyUsage is another",
        (SERVER,),
        _bounded("extendedKeyUsage", "serverAuth"),
        {
            "curl": "unsuitable certificate purpose",
            "python3.13": "unsuitable certificate purpose",
            "node": "INVALID_PURPOSE (unsuitable certificate purpose)",
            "go": "x509: certificate specifies an incompatible key usage",
            "java": "Extended key usage does not permit use for TLS server authentication",
            "chromium": "ERR_CERT_INVALID",
            "firefox": "SEC_ERROR_INADEQUATE_CERT_TYPE",
        },
        "modern",
    ),
    Rule(
        "server without digitalSignature",
        (SERVER,),
        _bounded("keyUsage", "digitalSignature"),
        {
            "java": "KeyUsage does not allow digital signatures",
            "chromium": "ERR_SSL_KEY_USAGE_INCOMPATIBLE",
        },
        "modern",
    ),
    Rule(
        "server with a weak key",
        (SERVER,),
        _weak,
        {"curl": "EE certificate key too weak", "python3.13": "EE certificate key too weak"},
        "key",
    ),
    Rule(
        "server with a P-521 key",
        (SERVER,),
        _key("EC", 521),
        {"chromium": "ERR_SSL_VERSION_OR_CIPHER_MISMATCH"},
        "key",
    ),
    Rule(
        "server with an Ed25519 key",
        (SERVER,),
        _key("ED25519"),
        {
            "chromium": "ERR_SSL_VERSION_OR_CIPHER_MISMATCH",
            "firefox": "SSL_ERROR_NO_CYPHER_OVERLAP",
        },
        "key",
    ),
    Rule(
        "server with an ML-DSA key",
        (SERVER,),
        _key("ML-DSA"),
        {
            "curl": "sslv3 alert handshake failure",
            "python3.13": "sslv3 alert handshake failure",
            "node": "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE",
            "go": "tls: handshake failure",
            "java": "handshake_failure",
            "firefox": "SSL_ERROR_NO_CYPHER_OVERLAP",
        },
        "key",
    ),
    # Clients, judged by servers
    Rule(
        "client whose extendedKeyUsage is another",
        (CLIENT,),
        _bounded("extendedKeyUsage", "clientAuth"),
        {
            "python3.13": "unsuitable certificate purpose",
            "node": "INVALID_PURPOSE",
            "go": "x509: certificate specifies an incompatible key usage",
            "java": "Extended key usage does not permit use for TLS client authentication",
        },
        "modern",
    ),
    Rule(
        "client without digitalSignature",
        (CLIENT,),
        _bounded("keyUsage", "digitalSignature"),
        {
            "python3.13": "unsuitable certificate purpose",
            "node": "INVALID_PURPOSE",
            "java": "KeyUsage does not allow digital signatures",
        },
        "modern",
    ),
    Rule(
        "client with a weak key",
        (CLIENT,),
        _weak,
        {"python3.13": "EE certificate key too weak"},
        "key",
    ),
    Rule(
        "client with an ML-DSA key",
        (CLIENT,),
        _key("ML-DSA"),
        {
            "python3.13": "peer did not return a certificate",
            "node": "UNABLE_TO_GET_ISSUER_CERT",
            "go": "tls: client didn't provide a certificate",
            "java": "Empty client certificate chain",
        },
        "key",
    ),
)
