"""A forged certificate still reads, and differs from the real one in one character."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mtls_openssl import impostors


@pytest.mark.version
@pytest.mark.parametrize("algorithm", ["RSA", "EC -pkeyopt ec_paramgen_curve:P-256", "ED25519"])
def test_one_character_is_changed_and_only_the_signature_with_it(
    run_openssl: Callable[..., str], tmp_path: Path, algorithm: str
) -> None:
    run_openssl("genpkey", "-algorithm", *algorithm.split(), "-out", "key")
    run_openssl("req", "-new", "-x509", "-key", "key", "-subj", "/CN=x", "-out", "real")
    real = (tmp_path / "real").read_text()
    forged = impostors.tampered(f"Text that may stand before it\n{real}")
    (tmp_path / "forged").write_text(forged)
    assert sum(a != b for a, b in zip(real, forged, strict=True)) == 1

    fields = ("-noout", "-subject", "-enddate", "-pubkey", "-serial")
    assert run_openssl("x509", "-in", "real", *fields) == run_openssl(
        "x509", "-in", "forged", *fields
    )
    trust = ("-CAfile", "real", "-partial_chain", "-check_ss_sig")
    assert "OK" in run_openssl("verify", *trust, "real")
    assert "error 7 at 0 depth" in run_openssl(
        "verify", "-CAfile", "forged", "-check_ss_sig", "forged", check=False
    )
