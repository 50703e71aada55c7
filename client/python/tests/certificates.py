"""Certificates for tests, made by the openssl program."""

from __future__ import annotations

import subprocess
from pathlib import Path


class Certificates:
    """PEM files, signed by authorities that are made when first named."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, name: str) -> Path:
        return self._folder / name

    def authority(self, name: str) -> Path:
        """NAME.pem, which can sign others."""
        if not self.path(f"{name}.pem").exists():
            self._make(name, name, "CA:TRUE", [])
        return self.path(f"{name}.pem")

    def signed(self, name: str, host: str, authority: str) -> tuple[Path, Path]:
        """NAME.pem and NAME.key, for a host."""
        signer = str(self.authority(authority))
        key = str(self.path(f"{authority}.key"))
        self._make(name, host, "CA:FALSE", ["-CA", signer, "-CAkey", key])
        return self.path(f"{name}.pem"), self.path(f"{name}.key")

    def _make(self, name: str, host: str, use: str, signer: list[str]) -> None:
        command = [
            *("openssl", "req", "-x509", "-nodes", "-days", "2"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}"),
            *("-addext", f"basicConstraints=critical,{use}"),
            *("-keyout", str(self.path(f"{name}.key"))),
            *("-out", str(self.path(f"{name}.pem")), *signer),
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
