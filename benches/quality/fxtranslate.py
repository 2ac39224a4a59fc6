#!/usr/bin/env python3
"""How many lines Dépêche's engine translates exactly as fxtranslate does, on the same model files.

    pip install sacrebleu
    depeche models pull en-pt
    python benches/quality/fxtranslate.py flores-dev.en flores-dev.pt MODELS/en-pt

Both get every line as one sentence, without checks or repairs. fxtranslate is built here from its crate, twice: with
its portable kernel, whose integer sums are exact as ours are, and with the AVX2 kernel that its packages for x86 have,
whose 16-bit sums saturate (`vpmaddubsw`). The exit code is 1 where fewer than 95% of the lines equal the exact kernel's
or BLEU is more than 0.3 away from either.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PEER = ROOT / "benches" / "peers" / "fxtranslate"
LEAST_EQUAL = 0.95
MOST_BLEU = 0.3


def peer(features, model, source):
    """The lines as fxtranslate translates them."""
    target = ROOT / "target" / "peers" / ("-".join(features) or "portable")
    cargo = ["cargo", "build", "--release", "--quiet", "--manifest-path", PEER / "Cargo.toml", "--target-dir", target]
    subprocess.run([*cargo, "--features", ",".join(features)], check=True)
    command = [target / "release" / "fxtranslate-peer", "translate", model, source]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    return run.stdout.removesuffix("\n").split("\n")


def ours(depeche, model, source):
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as output:
        command = [depeche, "bench", source, "--model", model, "--output", output.name]
        subprocess.run([*command, "--repeat", "1", "--alone", "0"], check=True, stdout=subprocess.DEVNULL)
        return output.read().removesuffix("\n").split("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("reference", type=pathlib.Path)
    parser.add_argument("model", type=pathlib.Path, help="the model's folder, as Mozilla ships it")
    parser.add_argument("--depeche", default=ROOT / "target" / "release" / "depeche", help="the binary")
    parser.add_argument("--show", type=int, default=0, help="show so many lines that differ from the exact kernel's")
    options = parser.parse_args()

    import sacrebleu

    reference = options.reference.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    outputs = {
        "Dépêche": ours(options.depeche, options.model, options.source),
        "fxtranslate, exact kernel": peer([], options.model, options.source),
        "fxtranslate, saturating kernel": peer(["simd"], options.model, options.source),
    }
    if any(len(lines) != len(reference) for lines in outputs.values()):
        sys.exit(f"{[len(lines) for lines in outputs.values()]} lines and {len(reference)} references")
    bleu = {name: sacrebleu.corpus_bleu(lines, [reference]).score for name, lines in outputs.items()}
    for name, score in bleu.items():
        print(f"{name}: BLEU {score:.2f}")

    def equal(one, other):
        share = sum(a == b for a, b in zip(outputs[one], outputs[other])) / len(reference)
        print(f"{one} = {other}: {share:.1%} of {len(reference)} lines")
        return share

    we, exact, saturating = outputs
    share = equal(we, exact)
    equal(we, saturating)
    equal(exact, saturating)
    lines = options.source.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    different = [(s, a, b) for s, a, b in zip(lines, outputs[we], outputs[exact]) if a != b]
    for each in different[: options.show]:
        print("", *each, sep="\n  ")
    apart = max(abs(bleu[we] - bleu[exact]), abs(bleu[we] - bleu[saturating]))
    if share < LEAST_EQUAL or apart > MOST_BLEU:
        sys.exit(1)


if __name__ == "__main__":
    main()
