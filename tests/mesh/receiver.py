"""An OTLP receiver: OpenTelemetry's own protobuf service over gRPC, which keeps what it is sent."""

import threading
from concurrent import futures

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc


class Receiver(trace_service_pb2_grpc.TraceServiceServicer):
    """Spans by their id, each with the name of the service that sent it."""

    def __init__(self):
        self.lock, self.spans = threading.Lock(), {}
        self.server = grpc.server(futures.ThreadPoolExecutor(4))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(self, self.server)
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def Export(self, request, context):
        with self.lock:
            for of_resource in request.resource_spans:
                names = {a.key: a.value.string_value for a in of_resource.resource.attributes}
                for of_scope in of_resource.scope_spans:
                    for span in of_scope.spans:
                        self.spans[span.span_id] = (names.get("service.name"), span)
        return trace_service_pb2.ExportTraceServiceResponse()

    def trace(self, trace_id):
        with self.lock:
            return {id: sent for id, sent in self.spans.items() if sent[1].trace_id == trace_id}

    def stop(self):
        self.server.stop(None)
