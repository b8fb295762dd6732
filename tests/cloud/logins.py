"""Logins that Google would not accept."""

from __future__ import annotations


def service_account(token_uri: str) -> dict[str, str]:
    """A key file whose tokens come from an address that gives none any more."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return {
        "type": "service_account", "client_email": "a@b.iam.gserviceaccount.com", "token_uri": token_uri,
        "private_key": key.private_bytes(*form).decode(), "private_key_id": "k", "project_id": "tandem-test",
    }  # fmt: skip
