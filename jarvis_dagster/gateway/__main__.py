"""``python -m jarvis_dagster.gateway login | proxy``: the two processes of the gateway.

Belongs here: starting them. Does not belong here: what they do (``app``, ``proxy``).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from jarvis_dagster.errors import JarvisError

__all__ = ["main"]


def main(argv: list[str] | None = None) -> int:
    """Run one of the two until it is told to stop."""
    parser = argparse.ArgumentParser(prog="python -m jarvis_dagster.gateway")
    which = parser.add_subparsers(dest="which", required=True)
    login = which.add_parser("login", help="The login and Jarvis' own pages; not for the network.")
    login.add_argument("--host", default="127.0.0.1")
    login.add_argument("--port", type=int, required=True)
    proxy = which.add_parser("proxy", help="The proxy in front of every page.")
    proxy.add_argument("--state", type=Path, required=True, help="Folder for its certificates.")
    proxy.add_argument("--print", action="store_true", help="Print its configuration and end.")
    arguments = parser.parse_args(argv)
    try:
        if arguments.which == "login":
            _login(arguments.host, arguments.port)
        else:
            _proxy(arguments.state, only_print=arguments.print)
    except JarvisError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _login(host: str, port: int) -> None:
    import uvicorn

    from jarvis_dagster.gateway.app import make_app
    from jarvis_dagster.logs import write_logs
    from jarvis_dagster.settings import load_settings
    from jarvis_dagster.wiring import core_services, with_embedded

    settings = with_embedded(load_settings())
    write_logs(settings)
    uvicorn.run(
        make_app(settings, core_services(settings)),
        host=host,
        port=port,
        ws="none",  # a question about a websocket is a question like any other
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_level="error",
        limit_concurrency=500,
        h11_max_incomplete_event_size=524_288,  # the application refuses far smaller ones
        timeout_keep_alive=75,
    )


def _proxy(state: Path, *, only_print: bool) -> None:
    from jarvis_dagster.gateway.proxy import caddyfile, run_proxy
    from jarvis_dagster.settings import load_settings

    if only_print:
        print(caddyfile(load_settings(), state))  # noqa: T201
    else:
        run_proxy(load_settings(), state)


if __name__ == "__main__":
    sys.exit(main())
