"""The emulator's own process: `python -m loginq.emulator.serve PORT [ORIGIN ...]`, in a scrubbed environment."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence


def main(port: int, origins: Sequence[str]) -> None:
    """Serve the guarded emulator on 127.0.0.1 until SIGTERM; it writes its state then.

    Args:
        origins: those whose pages may sign in, beside its own.
    """
    import yaml

    # Before the emulator derives its own from it: each change set reads the template several times.
    yaml.SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # type: ignore[misc]

    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app
    from ministack.core.responses import set_request_region
    from ministack.services.cloudwatch import record_metric

    from loginq.emulator.guard import Guard

    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    config.accesslog = None

    async def run() -> None:
        stop = asyncio.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(name, stop.set)
        region = os.environ["AWS_DEFAULT_REGION"]

        def record(namespace: str, name: str, value: int, dimensions: Mapping[str, str]) -> None:
            set_request_region(region)
            record_metric(namespace, name, value, "Count", dict(dimensions))

        guarded = Guard(app, port, region, record, origins)
        await serve(guarded, config, shutdown_trigger=stop.wait)  # type: ignore[arg-type]

    asyncio.run(run())


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
