"""A trace from a Python client through Envoy into the server arrives whole at an OTLP receiver.

    tests/mesh/run traced.py --binary target/release/depeche
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2

from depeche.v1 import translation_pb2_grpc
from load import document
from processes import Envoy, Replica, wait_for
from receiver import Receiver

STEPS = {"read", "load models", "queue", "batch", "encode", "decode", "rejoin"}
# What must not be told of a request.
SECRET = "Dépêche numéro"


def call(target, trace_id, span_id):
    """One translation, as a traced client asks for it."""
    traceparent = f"00-{trace_id.hex()}-{span_id.hex()}-01"
    with grpc.insecure_channel(target) as channel:
        stub = translation_pb2_grpc.TranslationServiceStub(channel)
        metadata = [("traceparent", traceparent), ("x-request-id", "a-client-made-this")]
        _, made = stub.Translate.with_call(document(7), timeout=60, metadata=metadata)
    return dict(made.initial_metadata())


def send_own_span(port, trace_id, span_id, began):
    """The client's part of the trace, sent by itself."""
    request = trace_service_pb2.ExportTraceServiceRequest()
    of_resource = request.resource_spans.add()
    name = of_resource.resource.attributes.add(key="service.name")
    name.value.string_value = "client"
    of_resource.scope_spans.add().spans.add(
        trace_id=trace_id,
        span_id=span_id,
        name="Translate",
        kind=trace_pb2.Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=began,
        end_time_unix_nano=time.time_ns(),
    )
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        trace_service_pb2_grpc.TraceServiceStub(channel).Export(request, timeout=60)


def check(spans, root, headers, replica_log):
    """All that is wrong with the trace."""
    wrong = []
    services = {service for service, _ in spans.values()}
    if services != {"client", "envoy", "depeche"}:
        wrong.append(f"spans of {services}")
    for id, (service, span) in spans.items():
        if id != root and span.parent_span_id not in spans:
            wrong.append(f"{service} {span.name} hangs in the air")
        if span.end_time_unix_nano < span.start_time_unix_nano:
            wrong.append(f"{span.name} ends before it begins")
        if SECRET in str(span):
            wrong.append(f"{span.name} tells of the text")
    ours = {id: span for id, (service, span) in spans.items() if service == "depeche"}
    (request,) = [s for s in ours.values() if s.kind == trace_pb2.Span.SPAN_KIND_SERVER]
    if spans[request.parent_span_id][0] != "envoy":
        wrong.append("the server's span is not a child of Envoy's")
    names = {span.name for span in ours.values()}
    if not STEPS <= names:
        wrong.append(f"no span for {STEPS - names}")
    for span in ours.values():
        within = request.start_time_unix_nano <= span.start_time_unix_nano
        if not within or span.end_time_unix_nano > request.end_time_unix_nano:
            wrong.append(f"{span.name} is outside of its request")
    if headers.get("x-request-id") != "a-client-made-this":
        wrong.append(f"the request id became {headers.get('x-request-id')}")
    lines = [line for line in replica_log.splitlines() if "a-client-made-this" in line]
    if not any(request.trace_id.hex() in line for line in lines):
        wrong.append("no log line has both request id and trace id")
    if SECRET in replica_log:
        wrong.append("the log tells of the text")
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", type=Path, required=True)
    binary = parser.parse_args().binary.resolve()
    folder = Path(tempfile.mkdtemp(prefix="trace-"))
    receiver = Receiver()
    endpoint = f"http://127.0.0.1:{receiver.port}"
    replica = Replica(binary, folder, 0, ["--otlp-endpoint", endpoint, "--log", "debug"])
    replica.start()
    replica.wait_ready()
    envoy = Envoy(folder, [replica], receiver.port)
    trace_id, root = os.urandom(16), os.urandom(8)
    try:
        began = time.time_ns()
        headers = call(f"127.0.0.1:{envoy.listener}", trace_id, root)
        send_own_span(receiver.port, trace_id, root, began)
        # What is left is sent when the server ends, at the latest.
        replica.signal(signal.SIGTERM)
        replica.wait_ended()
        wait_for(
            lambda: {"envoy", "depeche"} <= {s for s, _ in receiver.trace(trace_id).values()},
            "Envoy and the server send their spans",
        )
        # Envoy's two come in any order.
        wait_for(
            lambda: sum(s == "envoy" for s, _ in receiver.trace(trace_id).values()) >= 2,
            "both of Envoy's spans",
        )
    finally:
        envoy.stop()
        replica.stop()
        receiver.stop()
    spans = receiver.trace(trace_id)
    wrong = check(spans, root, headers, (folder / "replica-0.log").read_text())
    for service, span in sorted(spans.values(), key=lambda sent: sent[1].start_time_unix_nano):
        ms = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e6
        print(f"{service:8} {span.name:45} {ms:9.3f} ms")
    for line in wrong:
        print(f"wrong: {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
