"""Clients of the service that go on whatever happens to its replicas."""

import re
import threading
import time

import grpc

from depeche.v1 import translation_pb2, translation_pb2_grpc

PHRASES = [
    "Le gouvernement a présenté mardi son projet de budget.",
    "La ville attend deux mille visiteurs pour le festival.",
    "Les négociations reprendront lundi à Genève.",
    "Le club a gagné son troisième match de la saison.",
    "Les prix de l'énergie ont baissé de 4 % en un mois.",
    "La ministre a annoncé une réforme de l'école.",
    "Le train de nuit entre Paris et Berlin est de retour.",
]
DEADLINE = 30


# Sentences of a batch's document: enough that a batch is under way when replicas fail.
BATCH_PHRASES = 6


def document(number, phrases=1):
    """A text of a few sentences that has its number in it, so that a mix-up shows."""
    chosen = (PHRASES[(number + i) % len(PHRASES)] for i in range(phrases))
    text = " ".join([f"Dépêche numéro {number}.", *chosen])
    return translation_pb2.TranslateRequest(
        text=text, source_language="fr", target_languages=["en"]
    )


def is_answer_to(number, response):
    """Numbers may be grouped in English, as 10,000 is."""
    return str(number) in re.sub(r"(?<=\d)[,. \u202f\u00a0](?=\d)", "", response.translations[0].text)


class Callers:
    """So many threads that ask for one translation after the other."""

    def __init__(self, target, count):
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.seconds, self.failures, self.wrong = [], [], 0
        self.channel = grpc.insecure_channel(target)
        stub = translation_pb2_grpc.TranslationServiceStub(self.channel)
        self.threads = [
            threading.Thread(target=self.ask, args=(stub, caller)) for caller in range(count)
        ]
        for thread in self.threads:
            thread.start()

    def ask(self, stub, caller):
        number = caller
        while not self.stop.is_set():
            number += len(self.threads)
            began = time.monotonic()
            try:
                response = stub.Translate(document(number), timeout=DEADLINE)
                with self.lock:
                    self.seconds.append(time.monotonic() - began)
                    self.wrong += not is_answer_to(number, response)
            except grpc.RpcError as error:
                with self.lock:
                    self.failures.append((error.code().name, error.details()))

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        self.channel.close()

    def percentile(self, share):
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class Batch(threading.Thread):
    """A client of TranslateBatch that sends what has no answer again when its stream breaks."""

    def __init__(self, target, count):
        super().__init__()
        self.target, self.count = target, count
        self.answers, self.repeated, self.streams, self.errors = {}, 0, 0, []

    def run(self):
        with grpc.insecure_channel(self.target) as channel:
            stub = translation_pb2_grpc.TranslationServiceStub(channel)
            while len(self.answers) < self.count:
                self.streams += 1
                missing = [n for n in range(self.count) if str(n) not in self.answers]
                try:
                    for result in stub.TranslateBatch(self.requests(missing), timeout=600):
                        self.repeated += result.id in self.answers
                        if result.WhichOneof("result") != "translation":
                            self.errors.append(result.error.message)
                            continue
                        self.answers[result.id] = result.translation
                except grpc.RpcError as error:
                    self.errors.append(f"{error.code().name}: {error.details()}")
                    time.sleep(0.2)

    @staticmethod
    def requests(numbers):
        for number in numbers:
            wanted = document(number, BATCH_PHRASES)
            yield translation_pb2.TranslateBatchRequest(id=str(number), document=wanted)

    def wrong(self):
        return sum(not is_answer_to(int(id), answer) for id, answer in self.answers.items())
