"""The network of OPUS-MT's size that three engines read: random weights, the same for all."""

import hashlib
import itertools
import shutil

from . import depeche
from .environment import PEERS, TARGET, Environment, run

# Sentences of a batch, and tokens of every output.
BATCH = 64
OUTPUT_TOKENS = 64
# What pip installs for making and converting it is what the comparison with `transformers` needs.
MAKER = "transformers"


def folder():
    """In Hugging Face's form; made if it is not there, or not by the script as it is."""
    return made(TARGET / "marian", PEERS / "make_marian.py", lambda at: [
        Environment(MAKER).command("python"), PEERS / "make_marian.py", at,
    ])


def converted():
    """The same for CTranslate2, which quantises when it loads."""
    source = folder()
    return made(TARGET / "marian-ctranslate2", source / "made-from", lambda at: [
        Environment(MAKER).command("ct2-transformers-converter"), "--model", source, "--output_dir", at,
    ])


def made(at, origin, command):
    digest = hashlib.sha256(origin.read_bytes()).hexdigest()
    stamp = at / "made-from"
    if not stamp.exists() or stamp.read_text() != digest:
        shutil.rmtree(at, ignore_errors=True)
        run(command(at))
        stamp.write_text(digest)
    return at


def sentences(threads):
    """A file of one batch of French sentences a thread."""
    count = BATCH * threads
    with open(depeche.ROOT / "tests/data/phrases.fr.txt", encoding="utf-8") as phrases:
        lines = list(itertools.islice(phrases, count))
    assert len(lines) == count, f"{len(lines)} sentences where {count} are needed"
    file = TARGET / f"sentences-{count}.fr.txt"
    file.write_text("".join(lines), encoding="utf-8")
    return file


def ours(threads, beam, compute_type):
    """Figures of our engine with it."""
    return depeche.bench(sentences(threads), folder(), inference_threads=threads, beam=beam, compute_type=compute_type,
                         batch=BATCH, output_tokens=OUTPUT_TOKENS, repeat=1, alone=0)
