"""Certificates for mutual TLS, made for one test by openssl."""

import os
import subprocess

import grpc


class Authority:

    def __init__(self, folder):
        self.folder = folder
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt",
                      "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
                      "-subj", "/CN=test authority",
                      "-keyout", self.path("ca.key"),
                      "-out", self.path("ca.pem"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], check=True,
                       capture_output=True)

    def issue(self, name, uri=None):
        """Files NAME.pem and NAME.key of the common name `name`.

        `uri`: the SPIFFE id that the certificate has besides."""
        extensions = self.path(f"{name}.ext")
        with open(extensions, "w", encoding="ascii") as file:
            file.write("subjectAltName=IP:127.0.0.1"
                       + (f",URI:{uri}" if uri else "") + "\n")
        self._openssl("req", "-newkey", "ec", "-pkeyopt",
                      "ec_paramgen_curve:prime256v1", "-nodes",
                      "-subj", f"/CN={name}",
                      "-keyout", self.path(f"{name}.key"),
                      "-out", self.path(f"{name}.csr"))
        self._openssl("x509", "-req", "-days", "1", "-CAcreateserial",
                      "-in", self.path(f"{name}.csr"),
                      "-CA", self.path("ca.pem"),
                      "-CAkey", self.path("ca.key"), "-extfile", extensions,
                      "-out", self.path(f"{name}.pem"))

    def server_arguments(self):
        """For a process that serves as 127.0.0.1, its port its own choice."""
        self.issue("server")
        return ["--listen=tls:127.0.0.1:0",
                f"--tls-ca-file={self.path('ca.pem')}",
                f"--tls-cert-file={self.path('server.pem')}",
                f"--tls-key-file={self.path('server.key')}"]

    def credentials(self, name):
        """Of a client whose certificate has the common name `name`."""
        self.issue(name)
        parts = []
        for file in ("ca.pem", f"{name}.key", f"{name}.pem"):
            with open(self.path(file), "rb") as content:
                parts.append(content.read())
        return grpc.ssl_channel_credentials(*parts)
