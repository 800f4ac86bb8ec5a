"""Connections that end well: uvicorn's, kinder to who has asked in full, and stricter with who never does."""

import asyncio

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

LAME = 0.2
"""Seconds in which a server that was told to end still reads what clients had sent."""


class Protocol(H11Protocol):
    """One connection.

    A client that has ended its own side once it had asked, as `printf ... | nc` does, is answered. One that takes
    longer than `timeout_keep_alive` to send the head of a request is let go, however many bytes it has sent.
    """

    def connection_made(self, transport):
        super().connection_made(transport)
        self._ended = False
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def data_received(self, data):
        self.conn.receive_data(data)  # uvicorn's would stop the clock here; the head of a request stops it
        self.handle_events()

    def eof_received(self):
        self._ended = True
        return self._answering()

    def on_response_complete(self):
        super().on_response_complete()
        if self._ended and not self._answering():
            self.transport.close()

    def _answering(self):
        return self.cycle is not None and not self.cycle.more_body and not self.cycle.response_complete

    def send_400_response(self, msg):
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:  # what follows an answer, or is in the middle of one, is no HTTP
            self.transport.close()
        if self.cycle is not None:
            self.cycle.disconnected = True


class Server(uvicorn.Server):
    """It answers all that was sent before it was told to end: uvicorn closes what it has not read yet."""

    async def shutdown(self, sockets=None):
        if self.server_state.connections:
            self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]
            await asyncio.sleep(LAME)
        await super().shutdown(sockets)


def config(app, **options):
    """uvicorn's configuration with these connections; it logs by Python's own configuration."""
    return uvicorn.Config(app, http=Protocol, log_config=None, **options)
