#!/usr/bin/env python3
"""BLEU and chrF of a running Dépêche server over line-parallel files.

    pip install grpcio grpcio-tools sacrebleu
    python benches/quality/bleu.py flores-dev.fr flores-dev.en --card models/fr-en/quality.json --set flores-dev

A line is a request of its own. Beside the figures: how many lines came with a warning, by kind. With `--card`, the
figure of the model's card, which is for whole lines without splitting, checks or repairs; the exit code is 1 where the
server is more than 0.3 BLEU below it.
"""

import argparse
import json
import pathlib
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from client import Translator

ALLOWED_LOSS = 0.3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("reference", type=pathlib.Path)
    parser.add_argument("--server", default="localhost:50051")
    parser.add_argument("--from", dest="source_language", default="fr")
    parser.add_argument("--to", dest="target_language", default="en")
    parser.add_argument("--card", type=pathlib.Path, help="the model folder's quality.json")
    parser.add_argument("--set", help="name of the test set in the card")
    parser.add_argument("--output", type=pathlib.Path, help="where to write the translations")
    parser.add_argument("--concurrency", type=int, default=32)
    options = parser.parse_args()

    import sacrebleu

    source = options.source.read_text(encoding="utf-8").splitlines()
    reference = options.reference.read_text(encoding="utf-8").splitlines()
    if len(source) != len(reference):
        sys.exit(f"{len(source)} lines and {len(reference)} references")
    server = Translator(options.server)
    with ThreadPoolExecutor(options.concurrency) as pool:
        ask = lambda line: server.translate(line, options.source_language, options.target_language)
        translations = list(pool.map(ask, source))
    texts = [translation.text for translation in translations]
    if options.output:
        options.output.write_text("\n".join(texts) + "\n", encoding="utf-8")

    bleu, chrf = sacrebleu.metrics.BLEU(), sacrebleu.metrics.CHRF()
    score = bleu.corpus_score(texts, [reference])
    print(f"{len(source)} lines: BLEU {score.score:.2f}, chrF {chrf.corpus_score(texts, [reference]).score:.2f}")
    print(f"  {bleu.get_signature()}")
    code = server.messages.WarningCode
    kinds = Counter(code.Name(warning.code) for translation in translations for warning in translation.warnings)
    for kind, count in kinds.most_common():
        print(f"  {count} x {kind}")
    if options.card:
        card = json.loads(options.card.read_text(encoding="utf-8"))[options.set]["bleu"]
        print(f"  the card says {card:.2f}: {score.score - card:+.2f}")
        if score.score < card - ALLOWED_LOSS:
            sys.exit(1)


if __name__ == "__main__":
    main()
