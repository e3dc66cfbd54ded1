"""A lean server of chat completions for measurements: one process, about 25 us a request, with a delay and a token bucket.

Run: python benchmarks/server.py --latency 0.2 [--rate 50 --burst 50]. It prints its port. GET gives its counts as JSON.
"""

import argparse
import asyncio
import json
import time
from collections import defaultdict

REPLY = json.dumps({
    "id": "x", "object": "chat.completion", "model": "fake",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "praise"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 150, "completion_tokens": 2, "total_tokens": 152},
}).encode()  # fmt: skip
REFUSAL = b'{"error": {"message": "Rate limit reached.", "code": "rate_limit_exceeded"}}'


class Bucket:
    """Lets `rate` requests a second pass, and up to `burst` at once after a rest."""

    def __init__(self, rate, burst):
        self.rate, self.burst, self.level, self.at = rate, burst, burst, time.monotonic()

    def wait(self):
        """0 if a request may pass now, else the seconds until one may."""
        now = time.monotonic()
        self.level, self.at = min(self.burst, self.level + (now - self.at) * self.rate), now
        if self.level < 1:
            return (1 - self.level) / self.rate
        self.level -= 1
        return 0.0


class Counts:
    """What has come, by quarters of a second, and the most that was open at once."""

    def __init__(self):
        self.answered, self.refused, self.open, self.most = defaultdict(int), defaultdict(int), 0, 0

    def as_json(self):
        body = {"answered": self.answered, "refused": self.refused, "most_in_flight": self.most}
        return json.dumps(body).encode()


def response(status, body, more=b""):
    head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n" % (status, more, len(body))
    return head + body


class Connection(asyncio.Protocol):
    """One connection; answers come in the order of the requests, which clients of HTTP/1.1 send one at a time."""

    def __init__(self, latency, bucket, counts):
        self.latency, self.bucket, self.counts, self.buffer = latency, bucket, counts, b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            at = head.find(b"content-length:")
            length = 0 if at < 0 else int(head[at + 15 :].split(b"\r\n", 1)[0])
            if len(self.buffer) < end + 4 + length:
                return
            self.buffer = self.buffer[end + 4 + length :]
            self.answer(head.startswith(b"get"))

    def answer(self, asked_for_counts):
        if asked_for_counts:
            self.transport.write(response(b"200 OK", self.counts.as_json()))
            return
        when = int(time.monotonic() * 4)
        wait = self.bucket.wait() if self.bucket else 0.0
        if wait:
            self.counts.refused[when] += 1
            self.transport.write(response(b"429 Too Many Requests", REFUSAL, b"Retry-After: %.3f\r\n" % wait))
            return
        self.counts.answered[when] += 1
        self.counts.open += 1
        self.counts.most = max(self.counts.most, self.counts.open)
        asyncio.get_running_loop().call_later(self.latency, self.say)

    def say(self):
        self.counts.open -= 1
        self.transport.write(response(b"200 OK", REPLY))


async def serve(latency, rate, burst):
    bucket, counts = Bucket(rate, burst) if rate else None, Counts()
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(latency, bucket, counts), "127.0.0.1", 0, backlog=4096
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    given = argparse.ArgumentParser(description=__doc__)
    for name in ("latency", "rate", "burst"):
        given.add_argument(f"--{name}", type=float, default=0.0)
    asyncio.run(serve(**vars(given.parse_args())))
