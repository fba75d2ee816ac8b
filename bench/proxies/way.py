"""The ways that a row's bytes may take: what the words of a row mean to everybody who makes a proxy for it."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Way:
    """`protocol` is that of the client: http, h2 (to an HTTP/1.1 backend where a proxy translates), grpc or tcp.

    `pair`: a client's and a server's proxy with mutual TLS between them. `edge`: one proxy that ends TLS.
    """

    protocol: str = "http"
    pair: bool = False
    edge: bool = False


@dataclasses.dataclass(frozen=True)
class Leg:
    """One process of a way: how it is spoken to and how it speaks on. `None`, `edge` (no client certificate) or `mutual`."""

    protocol: str
    listens: str | None = None
    asks: str | None = None
    logs: bool = False
    # What the next one speaks: http, h2 or tcp.
    onward: str = "http"


def legs(way, logs=False):
    """The processes of a way, the client's first. HTTP/2 goes on as far as the next proxy, gRPC to the end."""
    last = {"http": "http", "h2": "http", "grpc": "h2", "tcp": "tcp"}[way.protocol]
    if not way.pair:
        return [Leg(way.protocol, listens="edge" if way.edge else None, logs=logs, onward=last)]
    between = {"http": "http", "h2": "h2", "grpc": "h2", "tcp": "tcp"}[way.protocol]
    return [Leg(way.protocol, asks="mutual", logs=logs, onward=between),
            Leg(way.protocol, listens="mutual", logs=logs, onward=last)]
