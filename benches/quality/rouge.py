#!/usr/bin/env python3
"""ROUGE of a running Dépêche server's summaries, beside the first sentences and the best possible ones.

    pip install grpcio grpcio-tools
    python benches/quality/rouge.py articles.jsonl.gz --server localhost:50051 --sentences 2

The file has a JSON object a line, with `article` and `abstract` (as OrangeSum has them). What is printed:
ROUGE-1, ROUGE-2 and ROUGE-L F1 in percent (Lin, 2004), over lower-cased word tokens without stemming, ROUGE-L over
the whole summary; the 95% interval of a bootstrap over articles; and the difference to the first sentences, article by
article. The first sentences and the greedy oracle are made of the sentences that the server itself cuts: its summary
of as many sentences as it may give. That leaves out web residue, as the service does.
"""

import argparse
import gzip
import json
import pathlib
import random
import re
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from client import Client

MOST_SENTENCES = 100  # the limit of `max_sentences`
RESAMPLES = 1000


def tokens(text):
    return re.findall(r"\w+", text.lower())


def f1(shared, candidate, reference):
    return 200 * shared / (candidate + reference) if shared else 0.0


def longest_common_subsequence(a, b):
    """Bit-parallel (Hyyrö, 2004): a bit of `row` per token of `a`, cleared where the length grows."""
    places = {}
    for i, token in enumerate(a):
        places[token] = places.get(token, 0) | 1 << i
    full = (1 << len(a)) - 1
    row = full
    for token in b:
        matched = row & places.get(token, 0)
        row = (row + matched | row - matched) & full
    return len(a) - row.bit_count()


def rouge(candidate, reference):
    """(ROUGE-1, ROUGE-2, ROUGE-L) F1, 0 to 100, of two lists of tokens."""
    scores = []
    for n in (1, 2):
        ours, theirs = (Counter(zip(*(words[i:] for i in range(n)))) for words in (candidate, reference))
        scores.append(f1((ours & theirs).total(), ours.total(), theirs.total()))
    common = longest_common_subsequence(reference, candidate)
    return (*scores, f1(common, len(candidate), len(reference)))


def of_sentences(sentences, reference):
    return rouge([word for sentence in sentences for word in tokens(sentence)], reference)


def oracle(sentences, reference, count):
    """Adds, as long as it helps, the sentence that most raises ROUGE-1 + ROUGE-2."""
    chosen = []

    def gain(i):
        return sum(of_sentences([sentences[j] for j in sorted([*chosen, i])], reference)[:2])

    best = 0.0
    while len(chosen) < min(count, len(sentences)):
        left = [i for i in range(len(sentences)) if i not in chosen]
        i = max(left, key=gain)
        if gain(i) <= best:
            break
        best = gain(i)
        chosen.append(i)
    return of_sentences([sentences[i] for i in sorted(chosen)], reference)


class Server:
    def __init__(self, address):
        client = Client(address)
        self.messages = client.messages("summarization")
        self.stub = client.stub("summarization", "SummarizationService")

    def summary(self, text, sentences):
        """The summary's sentences, in the article's order."""
        request = self.messages.SummarizeRequest(text=text, source_language="fr", max_sentences=sentences)
        response = self.stub.Summarize(request, timeout=120, wait_for_ready=True)
        return [sentence.text for sentence in response.summaries[0].sentences]


def intervals(rows):
    """For each column of `rows` its mean and the bounds of its 95% interval."""
    chance = random.Random(0)
    columns = list(zip(*rows))
    means = [[] for _ in columns]
    for _ in range(RESAMPLES):
        sample = chance.choices(range(len(rows)), k=len(rows))
        for column, found in zip(columns, means):
            found.append(sum(column[i] for i in sample) / len(sample))
    for column, found in zip(columns, means):
        found.sort()
        yield sum(column) / len(column), found[int(0.025 * RESAMPLES)], found[int(0.975 * RESAMPLES) - 1]


def report(name, rows):
    cells = (f"{mean:6.2f} [{low:5.2f}, {high:5.2f}]" for mean, low, high in intervals(rows))
    print(f"{name:16}", *cells, sep="  ", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=pathlib.Path, help="JSON lines, plain or .gz")
    parser.add_argument("--server", default="localhost:50051")
    parser.add_argument("--sentences", type=int, default=2)
    parser.add_argument("--limit", type=int, help="only the first so many articles")
    parser.add_argument("--concurrency", type=int, default=8)
    options = parser.parse_args()

    opened = gzip.open if options.file.suffix == ".gz" else open
    with opened(options.file, "rt", encoding="utf-8") as lines:
        articles = [json.loads(line) for line in lines][: options.limit]
    if not articles:
        sys.exit(f"{options.file} has no articles")
    server = Server(options.server)

    def measure(article):
        reference = tokens(article["abstract"])
        ours = server.summary(article["article"], options.sentences)
        whole = server.summary(article["article"], MOST_SENTENCES)
        return (
            of_sentences(ours, reference),
            of_sentences(whole[: options.sentences], reference),
            oracle(whole, reference, options.sentences),
        )

    with ThreadPoolExecutor(options.concurrency) as pool:
        ours, lead, best = zip(*pool.map(measure, articles))
    print(f"{len(articles)} articles, {options.sentences} sentences: F1 in percent, with 95% intervals")
    print(f"{'':16}  {'ROUGE-1':>21}  {'ROUGE-2':>21}  {'ROUGE-L':>21}")
    report(f"lead-{options.sentences}", lead)
    report("Dépêche", ours)
    report("greedy oracle", best)
    report("Dépêche − lead", [[a - b for a, b in zip(x, y)] for x, y in zip(ours, lead)])


if __name__ == "__main__":
    main()
