"""A gRPC server and a client of it, both grpcio: every kind of call, without generated code. Both run inside pods.

`serve PORT` serves `t.App`; `call HOST:PORT` makes all calls and prints what came of each, as JSON.
"""

import concurrent.futures
import json
import sys
import threading
import time

import grpc

STATUSES = {code.value[0]: code for code in grpc.StatusCode}
cancelled = threading.Event()
flaky = {"left": 0, "seen": 0}


def echo(request, _context):
    return request


def fail(request, context):
    """Ends with the status that is asked for."""
    context.set_trailing_metadata((("x-end", "told"),))
    context.abort(STATUSES[int(request)], f"as asked: {int(request)}")


def slow(request, context):
    """Takes the seconds that are asked for, unless the client gives up."""
    context.add_callback(cancelled.set)
    end = time.monotonic() + float(request)
    while context.is_active() and time.monotonic() < end:
        time.sleep(0.02)
    return b"done"


def was_cancelled(_request, _context):
    return b"yes" if cancelled.wait(5) else b"no"


def set_flaky(request, _context):
    flaky.update(left=int(request), seen=0)
    return b""


def try_flaky(request, context):
    """Is unavailable as often as was set, and then tells how often it was asked."""
    flaky["seen"] += 1
    if flaky["left"] > 0:
        flaky["left"] -= 1
        context.abort(grpc.StatusCode.UNAVAILABLE, "not yet")
    return str(flaky["seen"]).encode()


def count(request, _context):
    """As many messages as are asked for."""
    for number in range(int(request)):
        yield b"%d" % number


def total(requests, _context):
    return b"%d" % sum(len(request) for request in requests)


def chat(requests, _context):
    """Each message comes back before the next is read."""
    for request in requests:
        yield request.upper()


def endless(_request, _context):
    while True:
        yield b"more"
        time.sleep(0.01)


UNARY = {"Echo": echo, "Fail": fail, "Slow": slow, "WasCancelled": was_cancelled, "SetFlaky": set_flaky, "Flaky": try_flaky}


def serve(port):
    methods = {name: grpc.unary_unary_rpc_method_handler(call) for name, call in UNARY.items()}
    methods["Count"] = grpc.unary_stream_rpc_method_handler(count)
    methods["Endless"] = grpc.unary_stream_rpc_method_handler(endless)
    methods["Total"] = grpc.stream_unary_rpc_method_handler(total)
    methods["Chat"] = grpc.stream_stream_rpc_method_handler(chat)
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(32))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("t.App", methods),))
    assert server.add_insecure_port(f"0.0.0.0:{port}")
    server.start()
    server.wait_for_termination()


class Caller:
    """The calls, each answering something that JSON can hold."""

    def __init__(self, target):
        # Retries are the mesh's here, not the client's.
        self.channel = grpc.insecure_channel(target, options=[("grpc.enable_retries", 0)])

    def unary(self, name, request, **options):
        return self.channel.unary_unary(f"/t.App/{name}")(request, wait_for_ready=True, **options).decode()

    def status(self, name, request, **options):
        try:
            self.unary(name, request, **options)
        except grpc.RpcError as error:
            return error.code().name
        return "OK"

    def statuses(self):
        """Of all statuses those that come back as another one, or without their words or trailers."""
        wrong = []
        for number in range(1, 17):
            try:
                self.unary("Fail", b"%d" % number)
            except grpc.RpcError as error:
                end = dict(error.trailing_metadata()).get("x-end")
                if (error.code(), error.details(), end) != (STATUSES[number], f"as asked: {number}", "told"):
                    wrong.append([number, error.code().name, error.details(), end])
        return wrong

    def count(self):
        return [message.decode() for message in self.channel.unary_stream("/t.App/Count")(b"1000")] == [str(n) for n in range(1000)]

    def total(self):
        return self.channel.stream_unary("/t.App/Total")(iter([b"x" * 10_000] * 200)).decode()

    def chat(self):
        """A message goes out only when the one before has come back."""
        back = threading.Semaphore(1)

        def messages():
            for number in range(100):
                back.acquire()
                yield b"word %d" % number

        got = []
        for message in self.channel.stream_stream("/t.App/Chat")(messages()):
            got.append(message.decode())
            back.release()
        return got == [f"WORD {number}" for number in range(100)]

    def deadline(self):
        began = time.monotonic()
        status = self.status("Slow", b"20", timeout=0.5)
        return [status, time.monotonic() - began < 5]

    def cancel(self):
        call = self.channel.unary_unary("/t.App/Slow").future(b"20")
        time.sleep(0.3)
        call.cancel()
        return self.unary("WasCancelled", b"")

    def cancel_stream(self):
        call = self.channel.unary_stream("/t.App/Endless")(b"")
        first = next(call).decode()
        call.cancel()
        return [first, call.code().name]

    def retried(self):
        """A server that is unavailable twice is asked three times, and the client sees none of it."""
        self.unary("SetFlaky", b"2")
        return self.unary("Flaky", b"")

    def many(self):
        """A hundred calls at once on one connection."""
        calls = [self.channel.unary_unary("/t.App/Echo").future(b"%d" % number) for number in range(100)]
        return [call.result().decode() for call in calls] == [str(number) for number in range(100)]

    def all(self):
        large = b"x" * 3_000_000
        return {
            "echo": self.unary("Echo", b"hello", timeout=20),
            "large": len(self.unary("Echo", large)) == len(large),
            "statuses": self.statuses(),
            "unknown method": self.status("Nothing", b""),
            "count": self.count(),
            "total": self.total(),
            "chat": self.chat(),
            "deadline": self.deadline(),
            "cancel": self.cancel(),
            "cancelled stream": self.cancel_stream(),
            "retried": self.retried(),
            "many": self.many(),
        }


if sys.argv[1] == "serve":
    serve(sys.argv[2])
else:
    print(json.dumps(Caller(sys.argv[2]).all()))
