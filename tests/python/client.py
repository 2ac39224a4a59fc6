"""Calls every method of a running server, as a client in another language does.

Usage: client.py ADDRESS ARTICLE; the stubs made from proto/ must be on PYTHONPATH.
"""

import sys

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from grpc_status import rpc_status

from depeche.v1 import article_pb2, article_pb2_grpc
from depeche.v1 import catalog_pb2, catalog_pb2_grpc
from depeche.v1 import summarization_pb2, summarization_pb2_grpc
from depeche.v1 import translation_pb2, translation_pb2_grpc

SERVICES = {
    "depeche.v1.TranslationService": translation_pb2,
    "depeche.v1.SummarizationService": summarization_pb2,
    "depeche.v1.ArticleService": article_pb2,
    "depeche.v1.CatalogService": catalog_pb2,
}


def translate(channel, article):
    stub = translation_pb2_grpc.TranslationServiceStub(channel)
    request = translation_pb2.TranslateRequest(text=article, target_languages=["en"])
    whole = stub.Translate(request, timeout=600)
    (translation,) = whole.translations
    assert translation.language == "en"
    assert whole.detected_language == "fr"
    assert len(translation.text.splitlines()) == len(article.splitlines())
    assert translation.route.hops[0].model
    assert whole.usage.characters == len(article)
    assert whole.usage.source_tokens > 0 and whole.usage.HasField("compute_time")
    source, target = article.encode(), translation.text.encode()
    for sentence in translation.sentences:
        span = sentence.target_span
        assert target[span.start : span.end].decode() == sentence.text
        span = sentence.source_span
        assert source[span.start : span.end].decode().strip()

    events = list(
        stub.StreamTranslate(
            translation_pb2.StreamTranslateRequest(document=request), timeout=600
        )
    )
    assert events[0].WhichOneof("event") == "start"
    assert events[-1].WhichOneof("event") == "end"
    deltas = [event.delta for event in events[1:-1]]
    assert "".join(delta.text for delta in deltas) == translation.text

    lines = [line for line in article.splitlines() if len(line) > 60]
    documents = {
        f"line {number}": translation_pb2.TranslateRequest(
            text=line, source_language="fr", target_languages=["en"]
        )
        for number, line in enumerate(lines)
    }
    documents["bad"] = translation_pb2.TranslateRequest(text="", target_languages=["en"])
    requests = (
        translation_pb2.TranslateBatchRequest(id=id, document=document)
        for id, document in documents.items()
    )
    results = {result.id: result for result in stub.TranslateBatch(requests, timeout=600)}
    assert results.keys() == documents.keys()
    error = results.pop("bad").error
    assert error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert any(detail.Is(error_details_pb2.BadRequest.DESCRIPTOR) for detail in error.details)
    assert all(result.translation.translations[0].text for result in results.values())

    detected = stub.DetectLanguage(translation_pb2.DetectLanguageRequest(text=article), timeout=60)
    assert detected.languages[0].language == "fr" and detected.languages[0].installed


def summarize(channel, article):
    stub = summarization_pb2_grpc.SummarizationServiceStub(channel)
    request = summarization_pb2.SummarizeRequest(text=article, target_languages=["fr", "en"])
    whole = stub.Summarize(request, timeout=600)
    assert [summary.language for summary in whole.summaries] == ["fr", "en"]
    for summary in whole.summaries:
        assert len(summary.sentences) == 3
        assert summary.text == " ".join(sentence.text for sentence in summary.sentences)
        assert all(0 <= sentence.score <= 1 for sentence in summary.sentences)

    streamed = {"fr": "", "en": ""}
    events = stub.StreamSummarize(
        summarization_pb2.StreamSummarizeRequest(document=request), timeout=600
    )
    for event in events:
        if event.WhichOneof("event") == "delta":
            streamed[event.delta.language] += event.delta.text
    assert streamed == {summary.language: summary.text for summary in whole.summaries}


def digest(channel, article):
    stub = article_pb2_grpc.ArticleServiceStub(channel)
    request = article_pb2.DigestRequest(text=article, target_languages=["en"], max_sentences=2)
    answer = stub.Digest(request, timeout=600)
    assert [translation.language for translation in answer.translations] == ["en"]
    assert [summary.language for summary in answer.summaries] == ["fr", "en"]
    assert all(len(summary.sentences) == 2 for summary in answer.summaries)


def catalog(channel):
    stub = catalog_pb2_grpc.CatalogServiceStub(channel)
    models = stub.ListModels(catalog_pb2.ListModelsRequest(), timeout=60).models
    assert models and models[0].licence and models[0].parameters
    pairs = stub.ListLanguagePairs(catalog_pb2.ListLanguagePairsRequest(), timeout=60).pairs
    assert ("fr", "en") in [(pair.source_language, pair.target_language) for pair in pairs]
    none = catalog_pb2.ListLanguagePairsRequest(source_language="vi")
    assert not stub.ListLanguagePairs(none, timeout=60).pairs
    info = stub.GetServerInfo(catalog_pb2.GetServerInfoRequest(), timeout=60)
    assert info.name == "depeche" and info.ready and info.max_text_bytes == 1 << 20
    assert list(info.models) == list(models)


def health(channel):
    stub = health_pb2_grpc.HealthStub(channel)
    serving = health_pb2.HealthCheckResponse.SERVING
    for service in ["", *SERVICES]:
        request = health_pb2.HealthCheckRequest(service=service)
        assert stub.Check(request, timeout=60).status == serving
        watch = stub.Watch(request, timeout=60)
        assert next(watch).status == serving
        watch.cancel()
    try:
        stub.Check(health_pb2.HealthCheckRequest(service="nobody"), timeout=60)
        raise AssertionError("a service that is not there is healthy")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND


def reflection(channel):
    database = ProtoReflectionDescriptorDatabase(channel)
    assert {*SERVICES, "grpc.health.v1.Health"} <= set(database.get_services())
    pool = DescriptorPool(database)
    for name, module in SERVICES.items():
        reflected = pool.FindServiceByName(name)
        generated = module.DESCRIPTOR.services_by_name[name.rsplit(".", 1)[1]]
        assert [m.name for m in reflected.methods] == [m.name for m in generated.methods]


def errors(channel):
    stub = translation_pb2_grpc.TranslationServiceStub(channel)
    bad = translation_pb2.TranslateRequest(text="", target_languages=["en", "not a tag"])
    status = refusal(stub.Translate, bad, grpc.StatusCode.INVALID_ARGUMENT)
    details = detail(status, error_details_pb2.BadRequest)
    fields = [violation.field for violation in details.field_violations]
    assert fields == ["text", "target_languages[1]"], fields
    assert detail(status, error_details_pb2.ErrorInfo).domain == "depeche"

    missing = translation_pb2.TranslateRequest(
        text="Bonjour à tous.", source_language="fr", target_languages=["vi"]
    )
    status = refusal(stub.Translate, missing, grpc.StatusCode.FAILED_PRECONDITION)
    details = detail(status, error_details_pb2.PreconditionFailure)
    assert "install" in details.violations[0].description


def refusal(method, request, code):
    try:
        method(request, timeout=60)
    except grpc.RpcError as error:
        assert error.code() == code, error
        return rpc_status.from_call(error)
    raise AssertionError(f"not refused: {request}")


def detail(status, kind):
    message = kind()
    assert any(any_detail.Unpack(message) for any_detail in status.details), status
    return message


def main(address, path):
    with open(path, encoding="utf-8") as file:
        article = file.read()
    for compression in [grpc.Compression.NoCompression, grpc.Compression.Gzip]:
        with grpc.insecure_channel(address, compression=compression) as channel:
            translate(channel, article)
            summarize(channel, article)
            digest(channel, article)
            catalog(channel)
            health(channel)
            reflection(channel)
            errors(channel)


if __name__ == "__main__":
    main(*sys.argv[1:])
