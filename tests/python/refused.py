"""A call that cannot be answered in time, by a client whose channel retries refusals by itself.

    python refused.py 127.0.0.1:50051 127.0.0.1:9464
"""

import json
import re
import sys
import urllib.request

import grpc

from depeche.v1 import translation_pb2, translation_pb2_grpc

RETRYING = json.dumps(
    {
        "methodConfig": [
            {
                "name": [{"service": "depeche.v1.TranslationService"}],
                "retryPolicy": {
                    "maxAttempts": 4,
                    "initialBackoff": "0.01s",
                    "maxBackoff": "0.01s",
                    "backoffMultiplier": 1,
                    "retryableStatusCodes": ["RESOURCE_EXHAUSTED"],
                },
            }
        ]
    }
)


def refusals(admin):
    with urllib.request.urlopen(f"http://{admin}/metrics") as page:
        text = page.read().decode()
    counts = re.findall(r"^depeche_shed_requests_total\{.*\} (\d+)$", text, re.MULTILINE)
    return sum(map(int, counts))


def main():
    server, admin = sys.argv[1:]
    channel = grpc.insecure_channel(server, [("grpc.service_config", RETRYING)])
    stub = translation_pb2_grpc.TranslationServiceStub(channel)
    book = "\n\n".join(["La ville a ouvert une école pour cent élèves."] * 20000)
    request = translation_pb2.TranslateRequest(text=book, source_language="fr", target_languages=["en"])
    try:
        stub.Translate(request, timeout=3)
    except grpc.RpcError as error:
        trailers = dict(error.trailing_metadata())
        assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error
        assert trailers["grpc-retry-pushback-ms"] == "-1", trailers
        assert b"DEADLINE_TOO_SOON" in trailers["grpc-status-details-bin"], trailers
    else:
        raise AssertionError("it was let in")
    # Trying again was of no use, so the client did not.
    assert refusals(admin) == 1, refusals(admin)


if __name__ == "__main__":
    main()
