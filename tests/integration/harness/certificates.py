# SPDX-License-Identifier: MIT
"""Certificates, made by OpenSSL: a second opinion on what `entente pki` says.

An Authority can also make every kind of certificate that must be refused.
"""
import datetime
import pathlib

from .processes import run

CONFIGURATION = """
[ca]
default_ca = this
[this]
database = {folder}/index
serial = {folder}/serial
crlnumber = {folder}/crlnumber
new_certs_dir = {folder}
policy = any
default_md = sha256
unique_subject = no
copy_extensions = none
default_crl_days = 30
[any]
commonName = optional
"""

LEAF = {
    "basicConstraints": "critical,CA:FALSE",
    "keyUsage": "critical,digitalSignature",
    "extendedKeyUsage": "serverAuth,clientAuth",
    "subjectKeyIdentifier": "hash",
    "authorityKeyIdentifier": "keyid",
}


def moment(days):
    """OpenSSL's way to write a moment |days| from now."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return (now + datetime.timedelta(days=days)).strftime("%Y%m%d%H%M%SZ")


def new_key(path, kind="p256"):
    """Write a private key that only we can read."""
    path = pathlib.Path(path)
    argv = {
        "p256": ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
                 "ec_paramgen_curve:P-256"],
        "p192": ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
                 "ec_paramgen_curve:P-192"],
        "rsa1024": ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt",
                    "rsa_keygen_bits:1024"],
    }[kind]
    path.touch(mode=0o600)
    run([*argv, "-out", path])
    path.chmod(0o600)
    return path


class Leaf:
    """A certificate, its key, and whom to trust."""

    def __init__(self, certificate, private_key, trust, identity):
        self.certificate = certificate
        self.private_key = private_key
        self.trust = trust
        self.identity = identity

    def section(self, **more):
        """The `identity:` section of a configuration."""
        return {"certificate": str(self.certificate),
                "private_key": str(self.private_key),
                "trust": str(self.trust), **more}

    def flags(self):
        """The same for the command line."""
        return ["--certificate", str(self.certificate), "--private-key",
                str(self.private_key), "--trust", str(self.trust)]


class Authority:
    """A small CA in a folder."""

    def __init__(self, folder, name="ca", domain="test"):
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir(parents=True)
        self.domain = domain
        self.key = new_key(self.folder / "ca.key")
        self.certificate = self.folder / "ca.crt"
        self.crl = self.folder / "ca.crl"
        (self.folder / "index").touch()
        (self.folder / "serial").write_text("1000\n", encoding="ascii")
        (self.folder / "crlnumber").write_text("01\n", encoding="ascii")
        self.configuration = self.folder / "ca.cnf"
        self.configuration.write_text(
            CONFIGURATION.format(folder=self.folder), encoding="ascii")
        run(["openssl", "req", "-x509", "-new", "-key", self.key, "-subj",
             f"/CN={name}", "-days", "3650", "-out", self.certificate,
             "-addext", "keyUsage=critical,keyCertSign,cRLSign"])

    def identity(self, name):
        """The identity of |name| under this authority."""
        return f"spiffe://{self.domain}/{name}"

    def issue(self, name, *, uris=None, extensions=None, begins=-1, ends=90,
              key="p256", digest="sha256", common_name=None, file=None,
              self_signed=False):
        """A leaf for |name|; each option bends one rule.

        |extensions| adds to or (None) leaves out of LEAF's.
        """
        file = file or name
        certificate = self.folder / f"{file}.crt"
        private_key = new_key(self.folder / f"{file}.key", key)
        chosen = dict(LEAF)
        uris = [self.identity(name)] if uris is None else uris
        if uris:
            chosen["subjectAltName"] = ",".join("URI:" + uri for uri in uris)
        chosen.update(extensions or {})
        text = "[leaf]\n" + "".join(
            f"{option} = {value}\n"
            for option, value in chosen.items() if value)
        leaf_file = self.folder / f"{file}.ext"
        leaf_file.write_text(text, encoding="ascii")
        request = self.folder / f"{file}.csr"
        run(["openssl", "req", "-new", "-key", private_key, "-subj",
             "/CN=" + (common_name or name).replace("/", "\\/"), "-out",
             request])
        sign = ["openssl", "ca", "-batch", "-notext", "-config",
                self.configuration, "-in", request, "-out", certificate,
                "-extfile", leaf_file, "-extensions", "leaf", "-md", digest,
                "-startdate", moment(begins), "-enddate", moment(ends)]
        if self_signed:
            sign += ["-selfsign", "-keyfile", private_key]
        else:
            sign += ["-cert", self.certificate, "-keyfile", self.key]
        run(sign)
        return Leaf(certificate, private_key, self.certificate,
                    uris[0] if uris else None)

    def revoke(self, leaf):
        """Revoke |leaf| and write the list anew."""
        run(["openssl", "ca", "-config", self.configuration, "-cert",
             self.certificate, "-keyfile", self.key, "-revoke",
             leaf.certificate])
        return self.write_crl()

    def write_crl(self):
        """The list of what is revoked."""
        run(["openssl", "ca", "-config", self.configuration, "-cert",
             self.certificate, "-keyfile", self.key, "-gencrl", "-out",
             self.crl])
        return self.crl
