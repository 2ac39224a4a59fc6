#!/usr/bin/env python3
"""What becomes of words and signs that the model has no pieces for: the sentences of `tests/data/unknown.tsv`.

    pip install grpcio grpcio-tools sacrebleu
    python benches/quality/unknown.py --server localhost:50051

A line has a French sentence, its translation, and where the word order is free a second one. What is printed: chrF and
BLEU against both, how many of the foreign stretches stand in the output exactly once, and how many of those have the
same word on either side as in a reference.
"""

import argparse
import pathlib
import re

from client import Translator

SENTENCES = pathlib.Path(__file__).resolve().parents[2] / "tests" / "data" / "unknown.tsv"
# Outside Latin, European punctuation and ASCII; and signs that the vocabularies lack.
FOREIGN = r"[^\x00-\u024f\u2018-\u201e]+"
STRETCH = re.compile(rf"{FOREIGN}(?: {FOREIGN})*|[€¥™]")


def words(text):
    return re.findall(r"[\w']+|[^\w\s]", text.lower())


def neighbours(text, at, stretch):
    return words(text[:at])[-1:], words(text[at + len(stretch) :])[:1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="localhost:50051")
    options = parser.parse_args()

    import sacrebleu

    rows = [line.split("\t") for line in SENTENCES.read_text(encoding="utf-8").splitlines()]
    server = Translator(options.server)
    outputs = [server.translate(row[0], "fr", "en").text for row in rows]
    total = once = placed = 0
    for (_, *references), output in zip(rows, outputs):
        for match in STRETCH.finditer(references[0]):
            stretch = match.group()
            total += 1
            once += output.count(stretch) == 1
            found = output.find(stretch)
            expected = [neighbours(text, text.find(stretch), stretch) for text in references]
            placed += found >= 0 and neighbours(output, found, stretch) in expected
    references = [[row[1] for row in rows], [row[-1] for row in rows]]
    chrf = sacrebleu.corpus_chrf(outputs, references).score
    bleu = sacrebleu.corpus_bleu(outputs, references).score
    print(f"{len(rows)} sentences: chrF {chrf:.1f}, BLEU {bleu:.1f}; of {total} stretches {once} once, {placed} between the same words")


if __name__ == "__main__":
    main()
