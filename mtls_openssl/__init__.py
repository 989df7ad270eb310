"""mtls-openssl: mutual TLS from the openssl binary, as a person would type it."""

__version__ = "0.1.0"
