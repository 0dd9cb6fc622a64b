"""Certificates for mutual TLS, made for one test by openssl."""

import os
import subprocess
import time

import grpc


# Of certificates that are not valid now.
EXPIRED = ("20200101000000Z", "20200102000000Z")
NOT_YET = ("21000101000000Z", "21000102000000Z")


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

    def issue(self, name, uri=None, address="127.0.0.1", seconds=86400,
              dates=None):
        """Files NAME.pem and NAME.key of the common name `name`, put in the
        place of former ones at once.

        `uri`: the SPIFFE id that the certificate has besides. It is good from
        an hour ago until `seconds` from now, or as `dates` say, such as
        EXPIRED."""
        begin, end = dates or (_moment(-3600), _moment(seconds))
        extensions = self.path(f"{name}.ext")
        with open(extensions, "w", encoding="ascii") as file:
            file.write(f"subjectAltName=IP:{address}"
                       + (f",URI:{uri}" if uri else "") + "\n")
        self._openssl("req", "-newkey", "ec", "-pkeyopt",
                      "ec_paramgen_curve:prime256v1", "-nodes",
                      "-subj", f"/CN={name}",
                      "-keyout", self.path(f"{name}.key.new"),
                      "-out", self.path(f"{name}.csr"))
        self._openssl("ca", "-batch", "-notext",
                      "-config", self._configuration(),
                      "-cert", self.path("ca.pem"),
                      "-keyfile", self.path("ca.key"),
                      "-in", self.path(f"{name}.csr"),
                      "-startdate", begin, "-enddate", end,
                      "-extfile", extensions,
                      "-out", self.path(f"{name}.pem.new"))
        for file in (f"{name}.key", f"{name}.pem"):
            os.replace(self.path(file + ".new"), self.path(file))

    def _configuration(self):
        """Of the program `openssl ca`, which keeps an account."""
        path = self.path("ca.cnf")
        with open(path, "w", encoding="ascii") as file:
            file.write("[ca]\ndefault_ca=own\n[own]\ndefault_md=sha256\n"
                       f"database={self.path('ca.account')}\n"
                       f"new_certs_dir={self.folder}\n"
                       "rand_serial=yes\npolicy=any\n"
                       "[any]\ncommonName=supplied\n")
        with open(self.path("ca.account"), "w", encoding="ascii"):
            pass
        return path

    def server_arguments(self):
        """For a process that serves as 127.0.0.1, its port its own choice."""
        self.issue("server")
        return ["--listen=tls:127.0.0.1:0",
                f"--tls-ca-file={self.path('ca.pem')}",
                f"--tls-cert-file={self.path('server.pem')}",
                f"--tls-key-file={self.path('server.key')}"]

    def credentials(self, name, uri=None, dates=None, trusts=None):
        """Of a client whose certificate has the common name `name`.

        `trusts`: the authority of the server, if it is another one."""
        self.issue(name, uri, dates=dates)
        parts = [self.content(f"{name}.key"), self.content(f"{name}.pem")]
        return grpc.ssl_channel_credentials(
            (trusts or self).content("ca.pem"), *parts)

    def anonymous(self):
        """Of a client without a certificate."""
        return grpc.ssl_channel_credentials(self.content("ca.pem"))

    def content(self, file):
        with open(self.path(file), "rb") as content:
            return content.read()


def _moment(seconds):
    """So many from now, as ASN.1 writes it."""
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + seconds))
