# SPDX-License-Identifier: MIT
"""An nginx that serves a folder."""
import os

from ..ports import answers, free_port
from ..processes import wait_until
from . import need

CONFIGURATION = """
daemon off;
worker_processes 1;
error_log stderr warn;
pid {folder}/nginx.pid;
{user}
events {{ worker_connections 512; }}
http {{
    log_format source '$proxy_protocol_addr|$remote_addr|$request';
    access_log {folder}/access.log source;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 0;
    server {{
        listen 127.0.0.1:{port} {options};
        root {folder}/www;
        location /unavailable {{ return 503; }}
        location /upload {{
            dav_methods PUT;
            create_full_put_path on;
            root {folder}/in;
        }}
    }}
}}
"""


class Nginx:
    """http://address/NAME is www/NAME; PUT /upload/NAME becomes in/upload."""

    def __init__(self, box, options=""):
        need("nginx")
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.folder = box.path("nginx")
        (self.folder / "www").mkdir(parents=True)
        (self.folder / "in").mkdir()
        self._access_log = self.folder / "access.log"
        path = box.write("nginx.conf", CONFIGURATION.format(
            folder=self.folder, port=self.port, options=options,
            user="user root;" if os.getuid() == 0 else ""))
        self.process = box.start("nginx", ["nginx", "-c", str(path), "-e",
                                           "stderr"])
        wait_until(lambda: answers(self.address), 10, "nginx listens")

    def logged(self):
        """What it has written of each request so far: the address that the
        PROXY header told, the one that connected, the request line. It
        writes after it has answered: whoever has the answer waits for this.
        """
        lines = self._access_log.read_text(encoding="ascii").splitlines()
        return [tuple(line.split("|")) for line in lines]
