"""A real cache before the API of an emulated stack, as CloudFront is before that of a real one: Debian's varnish."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

MISSING = shutil.which("varnishd") is None
WHY = "no varnishd here, which stands in for CloudFront: `apt-get install varnish`; the rest of the line is tested"
_RULES = """
vcl 4.1;
backend api {{ .host = "{host}"; .port = "{port}"; .first_byte_timeout = 60s; }}
sub vcl_recv {{
  unset req.http.Cookie;
  set req.url = "{path}" + req.url;
  return (hash);
}}
sub vcl_backend_fetch {{ set bereq.http.Host = "{host}:{port}"; }}
sub vcl_backend_response {{
  set beresp.grace = 0s;
  set beresp.keep = 0s;
  # What may not be kept is passed, each request by itself, for as long as the answer before was on its way.
  if (beresp.http.Cache-Control ~ "no-store") {{ set beresp.uncacheable = true; set beresp.ttl = 1s; }}
  return (deliver);
}}
sub vcl_deliver {{ set resp.http.X-Kept = obj.hits; }}
"""
"""As the template's cache policy has it: no cookie, header or query in the key; kept as long as the answer says; an
error that says `no-store` is not kept at all. `X-Kept` tells how often an answer was given before."""


def free_port() -> int:
    """A port of the system's choice."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def cache(url: str, folder: Path) -> Iterator[int]:
    """The port on which a cache answers for the API at `url`."""
    address, port = urlsplit(url), free_port()
    rules = folder / "rules.vcl"
    rules.write_text(_RULES.format(host=address.hostname, port=address.port, path=address.path.rstrip("/")))
    words = ["-F", "-n", str(folder / "work"), "-f", str(rules), "-a", f"127.0.0.1:{port}", "-s", "malloc,16m"]
    process = subprocess.Popen(["varnishd", *words, "-j", "none"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        while not _listens(port):
            if process.poll() is not None:
                raise AssertionError((process.stdout.read() if process.stdout else b"").decode())
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(20)
        if process.stdout:
            process.stdout.close()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
