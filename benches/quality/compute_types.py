#!/usr/bin/env python3
"""What int8 costs in quality: BLEU and chrF of both compute types over line-parallel files, the same weights.

    pip install sacrebleu
    cargo build --release
    python benches/quality/compute_types.py flores-dev.fr flores-dev.en --from fr --to en

Runs `depeche translate` with each. The exit code is 1 where int8 loses more than 0.2 BLEU.
"""

import argparse
import pathlib
import subprocess
import sys
import time

BINARY = pathlib.Path(__file__).resolve().parents[2] / "target/release/depeche"
ALLOWED_LOSS = 0.2


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("reference", type=pathlib.Path)
    parser.add_argument("--from", dest="source_language", default="fr")
    parser.add_argument("--to", dest="target_language", default="en")
    options = parser.parse_args()

    import sacrebleu

    reference = options.reference.read_text(encoding="utf-8").splitlines()
    bleu, chrf = sacrebleu.metrics.BLEU(), sacrebleu.metrics.CHRF()
    outputs, scores = {}, {}
    for compute_type in ["f32", "int8"]:
        started = time.monotonic()
        lines = translate(options, compute_type)
        if len(lines) != len(reference):
            sys.exit(f"{compute_type}: {len(lines)} lines and {len(reference)} references")
        outputs[compute_type] = lines
        score = scores[compute_type] = bleu.corpus_score(lines, [reference]).score
        print(f"{compute_type:5} BLEU {score:.2f}, chrF {chrf.corpus_score(lines, [reference]).score:.2f}, "
              f"{time.monotonic() - started:.0f} s", flush=True)
    equal = sum(one == other for one, other in zip(*outputs.values()))
    loss = scores["f32"] - scores["int8"]
    print(f"int8 loses {loss:.2f} BLEU; {equal} of {len(reference)} lines are the same; {bleu.get_signature()}")
    if loss > ALLOWED_LOSS:
        sys.exit(1)


def translate(options, compute_type):
    command = [BINARY, "translate", options.source, "--from", options.source_language, "--to", options.target_language,
               "--compute-type", compute_type]
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"depeche translate ended with {done.returncode}")
    return done.stdout.splitlines()


if __name__ == "__main__":
    main()
