"""The box about nginx's log: nginx itself writes it."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

from greenroom.core import Token
from greenroom.files import token_signer
from tests.deploy.deployed import NGINX, block, wait_until

AROUND = """
{user}
daemon off;
pid nginx.pid;
error_log stderr;
events {{}}
http {{
    client_body_temp_path bodies;
    proxy_temp_path answers;
    fastcgi_temp_path unused-fastcgi;
    uwsgi_temp_path unused-uwsgi;
    scgi_temp_path unused-scgi;
    {page}
    server {{
        listen unix:{socket};
        access_log shop.log shop;
        return 404;
    }}
}}
"""


def test_nginx_writes_no_token(tmp_path: Path, require: Callable[[str, object], None]) -> None:
    require("nginx", NGINX)
    place = tmp_path / "s"
    user = "user root;" if Path("/proc/self").stat().st_uid == 0 else ""
    page = block("/etc/nginx/conf.d/shop-log.conf")
    (tmp_path / "nginx.conf").write_text(AROUND.format(page=page, socket=place, user=user))
    token = Token(upload_id="Ab3xY-9kQ2mN7pR4sT6vWz").encode(token_signer())
    paths = [f"/greenroom/{view}/{token}/?crop=x" for view in ("held", "proxy", "preview", "original")]
    log = tmp_path / "shop.log"
    with subprocess.Popen([str(NGINX), "-p", str(tmp_path), "-c", "nginx.conf"]) as nginx:
        try:
            wait_until(place.exists, "nginx did not start")
            for path in [*paths, "/greenroom/uploads/Ab3xY-9kQ2mN7pR4sT6vWz/", "/album/"]:
                with socket.socket(socket.AF_UNIX) as connection:
                    connection.connect(str(place))
                    connection.sendall(
                        f"GET {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n".encode()
                    )
                    while connection.recv(65_536):
                        pass
            wait_until(lambda: log.read_text().count("\n") == 6, "nginx did not write its log")
        finally:
            nginx.terminate()
    lines = log.read_text().splitlines()
    assert [line.split('"')[1] for line in lines] == [
        *(f"GET {path.partition('Ab3x')[0]}{token[:8]}..." for path in paths),
        "GET /greenroom/uploads/Ab3xY-9kQ2mN7pR4sT6vWz/",
        "GET /album/",
    ]
