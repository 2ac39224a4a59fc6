"""The articles that are sent, a file each."""

import gzip
import json
import random
import shutil
import sys

from server import ROOT

COUNT = 1000
PARAGRAPHS, SENTENCES = 4, 4
# A sentence of more words may be longer than the model's window: the service splits it, the engine alone cannot.
LONGEST_SENTENCE = 60


def write(source, folder):
    """`COUNT` articles in `folder`, which is made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    texts = made() if source is None else read(source)
    for number, text in enumerate(texts):
        (folder / f"{number:04}.txt").write_text(text + "\n", encoding="utf-8")
    return folder


def read(source):
    opener = gzip.open if source.suffix == ".gz" else open
    with opener(source, "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["article"] for line in lines]
    if not texts:
        sys.exit(f"{source} holds no line")
    return texts[:COUNT]


def made():
    """Each of other phrases."""
    phrases = (ROOT / "tests/data/phrases.fr.txt").read_text(encoding="utf-8").splitlines()
    drawn = random.Random(1)
    paragraph = lambda: " ".join(drawn.sample(phrases, SENTENCES))
    return ["\n\n".join(paragraph() for _ in range(PARAGRAPHS)) for _ in range(COUNT)]
