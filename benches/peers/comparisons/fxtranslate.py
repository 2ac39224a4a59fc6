"""fxtranslate, which runs the same students in Rust: en→pt with its shortlist, from text to text, one thread."""

import json

from harness import depeche
from harness.environment import PEERS, TARGET, run
from harness.work import Figure, Work

# Sentences that are timed one by one.
ALONE = 100
# A pass of ours takes a tenth of one of theirs, which is too short to be measured once.
PASSES = 5


def works(options):
    model = depeche.pull("en-pt")
    manifest = PEERS / "fxtranslate/Cargo.toml"
    target = TARGET / "fxtranslate"
    run(["cargo", "build", "--release", "--quiet", "--manifest-path", manifest, "--target-dir", target, "--features",
         "simd"])

    def theirs():
        return json.loads(run([target / "release/fxtranslate-peer", "bench", model, options.sentences, ALONE]))

    def ours():
        figures = depeche.bench(options.sentences, model, inference_threads=1, repeat=PASSES, alone=ALONE)
        return {**figures, "mean_ms": figures["latency_ms"]["mean"]}

    figures = [
        Figure("sentences_per_second", "batch", "sentences/s", goal=10),
        Figure("mean_ms", "one sentence", "ms", goal=3, less_is_better=True),
    ]
    return [Work(figures, theirs, ours)]
