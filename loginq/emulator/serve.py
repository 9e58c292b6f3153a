"""The emulator's own process: `python -m loginq.emulator.serve PORT`, in the environment that `Emulator` gives it."""

import asyncio
import os
import signal
import sys


def main(port: int) -> None:
    """Serve the guarded emulator on 127.0.0.1 until SIGTERM; it writes its state then."""
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app

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
        guarded = Guard(app, port, os.environ["AWS_DEFAULT_REGION"])
        await serve(guarded, config, shutdown_trigger=stop.wait)  # type: ignore[arg-type]

    asyncio.run(run())


if __name__ == "__main__":
    main(int(sys.argv[1]))
