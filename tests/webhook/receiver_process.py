"""A receiver in a process of its own, to be killed: `python -m … ADDRESS` prints its port."""

import os
import socket
import sys

from aiohttp import web
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from tests.webhook.builders import SECRET
from webhook import app as receiver
from webhook.dispatch import Dispatcher, TemporalSignals


async def make(address: str) -> web.Application:
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    signals = TemporalSignals(client)
    return receiver.app(Dispatcher(signals), github_secrets=[SECRET], ready=signals.missing)


if __name__ == "__main__":
    listening = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    web.run_app(make(sys.argv[1]), sock=listening, print=None)
    # On Python 3.11 the SDK may abort an interpreter that ends the usual way.
    os._exit(0)
