"""Encryption: files that are checked by name, and failures that say why."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import grpc

from vade.errors import refuse
from vade.options import Tls


def credentials(tls: Tls) -> grpc.ChannelCredentials:
    """What a channel needs to encrypt; reads the files now.

    Raises:
        InvalidArgument: A file cannot be read or used. gRPC itself would try
            to connect in vain, and say nothing of files.
    """
    roots = _read("tls.ca_file", tls.ca_file)
    chain = _read("tls.certificate_file", tls.certificate_file)
    key = _read("tls.key_file", tls.key_file)
    _check_certificates("tls.ca_file", tls.ca_file)
    _check_certificates("tls.certificate_file", tls.certificate_file)
    if tls.certificate_file is not None and tls.key_file is not None:
        _check_key(tls.certificate_file, tls.key_file)
    return grpc.ssl_channel_credentials(roots, key, chain)


def _read(argument: str, path: str | os.PathLike[str] | None) -> bytes | None:
    if path is None:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        fix = f"give a PEM file that can be read ({error.strerror})"
        raise refuse(argument, os.fspath(path), fix) from None


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # How strong a key must be is for the two ends to say.
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


def _check_certificates(
    argument: str, path: str | os.PathLike[str] | None
) -> None:
    if path is None:
        return
    try:
        _context().load_verify_locations(path)
    except ssl.SSLError:
        fix = "give a PEM file with BEGIN CERTIFICATE in it"
        raise refuse(argument, os.fspath(path), fix) from None


def _check_key(
    certificate: str | os.PathLike[str], key: str | os.PathLike[str]
) -> None:
    try:
        # Without a password OpenSSL would ask for one on the terminal.
        _context().load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        fix = "give the key as PEM without a password"
        if error.reason == "KEY_VALUES_MISMATCH":
            fix = f"give the key of {os.fspath(certificate)!r}"
        raise refuse("tls.key_file", os.fspath(key), fix) from None


def hint(message: str, tls: Tls | None) -> str:
    """What to look at, by gRPC's words for a connection that failed."""
    text = message.lower().replace("_", " ")
    if "certificate verify failed" in text:
        if tls is None or tls.ca_file is None:
            return (
                "no authority of this system signed the server's certificate; "
                "name who did: tls=vade.Tls(ca_file=...)"
            )
        return (
            "the server's certificate has expired, or is not signed by "
            f"tls.ca_file={os.fspath(tls.ca_file)!r}"
        )
    if "in peer certificate" in text or "hostname verification" in text:
        return (
            "the server's certificate is for another name; use that one in "
            "the address, or give it as tls.server_name"
        )
    if "wrong version number" in text:
        return (
            "the server there does not encrypt; start it with --tls-cert and "
            "--tls-key, or leave tls out"
        )
    asks = _asks(tls) if _was_turned_away(text, tls) else ""
    return f"is a vade-server running there{asks}?"


def _was_turned_away(text: str, tls: Tls | None) -> bool:
    """The other end hung up. Without TLS: at once, before a call."""
    if tls is None and "failed to connect" not in text:
        return False
    return "socket closed" in text or "connection reset" in text


def _asks(tls: Tls | None) -> str:
    if tls is None:
        return ", and does it ask for TLS (tls=vade.Tls(...))"
    if tls.certificate_file is None:
        return (
            ", and does it ask for a certificate of the client "
            "(tls.certificate_file, tls.key_file)"
        )
    return (
        ", and does its --tls-client-ca have the signer of "
        f"tls.certificate_file={os.fspath(tls.certificate_file)!r}"
    )
