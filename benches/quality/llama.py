"""Compares greedy continuations of three prompts, and speed, with llama.cpp on the same GGUF file; fails if they differ
without a reason.

    pip install llama-cpp-python gguf      # CMAKE_ARGS="-DGGML_NATIVE=OFF -DGGML_AVX512=ON -DGGML_AVX512_VNNI=ON ..."
    cargo build --release --example continue
    python benches/quality/llama.py ~/.local/share/depeche/models/smollm2-135m-instruct-q4-1 [--tokens 48] [--threads 2]

Twice, with the weights

- as real numbers, read out of the blocks into a file of their own: both compute in 32 bits then. The tokens must be the
  same, or where they part two logits closer than 1e-2.
- in their blocks. Both round what they multiply to 8 bits then, so that a sum in another order can change a rounding,
  the rounding a sum, and soon all sums. How much that is, llama.cpp itself tells: it reads the prompts once as a whole
  and once token by token, which are two orders of summation. The tokens must be the same, or where they part the two
  choices closer than 1e-2, or than the change in llama.cpp's own distances between its best tokens.

llama.cpp keeps keys and values in 32 bits here, as we do. Prompts are tokenised by both, and compared; each is continued
from the same ids.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import gguf
import numpy as np
from llama_cpp import GGML_TYPE_F32, Llama, llama_get_logits_ith

PROMPTS = [
    "Paris, le 24 novembre 2026. Le gouvernement a annoncé mardi que l'âge de la retraite ne changerait pas avant 2030.",
    "The three largest cities of France are Paris, Marseille and Lyon. Lyon is known for its cuisine, its silk and",
    "Summary of the article: 1,250 people — among them 37 children — left the island on Sunday (“at last”, said one).\n\n",
]
ROOT = Path(__file__).parents[2]
NEAR = 1e-2
# Best tokens of a step whose distances are looked at.
BEST = 5


def ours(folder, prompts, tokens, threads):
    run = subprocess.run(
        [ROOT / "target/release/examples/continue", folder, str(tokens)],
        input=json.dumps(prompts), capture_output=True, text=True, check=True,
        env=dict(os.environ, RAYON_NUM_THREADS=str(threads)),
    )
    return [json.loads(line) for line in run.stdout.splitlines()]


class Theirs:
    def __init__(self, file, threads):
        self.file, self.threads = str(file), threads
        self.llama = self.reader(512)

    def reader(self, together):
        return Llama(
            self.file, n_ctx=2048, n_batch=together, n_threads=self.threads, n_threads_batch=self.threads,
            logits_all=False, type_k=GGML_TYPE_F32, type_v=GGML_TYPE_F32, flash_attn=False, verbose=False,
        )

    def tokenize(self, text):
        return self.llama.tokenize(text.encode(), add_bos=True, special=True)

    def follow(self, ids, tokens, given=None, llama=None):
        """Ids, the logits of every step, and seconds for reading and for writing. `given`: ids that are taken whatever
        the logits say."""
        llama = llama or self.llama
        llama.reset()
        start = time.perf_counter()
        llama.eval(ids)
        read = time.perf_counter()
        out, logits = [], []
        for step in range(tokens):
            scores = np.ctypeslib.as_array(llama_get_logits_ith(llama.ctx, -1), shape=(llama.n_vocab(),))
            logits.append(scores.copy())
            out.append(int(scores.argmax()) if given is None else given[step])
            if len(out) < tokens:
                llama.eval([out[-1]])
        return out, logits, read - start, time.perf_counter() - read

    def own_change(self, prompts, answers):
        """The greatest change in the distances between the best tokens when prompts are read token by token."""
        llama = self.reader(1)
        greatest = 0.0
        for ids, (out, logits, _, _) in zip(prompts, answers):
            _, others, _, _ = self.follow(ids, len(out), out, llama)
            for one, other in zip(logits, others):
                best = np.argsort(-one)[:BEST]
                change = (one[best] - one[best[0]]) - (other[best] - other[best[0]])
                greatest = max(greatest, float(np.abs(change).max()))
        return greatest


def as_floats(file, folder):
    """The same model with its blocks read into numbers of 32 bits."""
    reader = gguf.GGUFReader(file)
    out = Path(folder) / "floats.gguf"
    writer = gguf.GGUFWriter(out, reader.fields["general.architecture"].contents())
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":
            continue
        of = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), field.types[0], of)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, gguf.dequantize(tensor.data, tensor.tensor_type))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return out


def compare(title, file, args, change_counts):
    """Prints a table; whether all that differs has a reason."""
    theirs = Theirs(file, args.threads)
    prompts = [theirs.tokenize(text) for text in PROMPTS]
    cut = ours(file.parent, PROMPTS, 1, args.threads)
    same_ids = [mine["prompt"] == ids for mine, ids in zip(cut, prompts)]
    mine = ours(file.parent, prompts, args.tokens, args.threads)
    answers = [theirs.follow(ids, args.tokens) for ids in prompts]
    change = theirs.own_change(prompts, answers) if change_counts else 0.0
    print(f"{title}; llama.cpp's own change: {change:.3f}" if change_counts else title)
    print("prompt  ids        tokens         distance there  here    verdict")
    good = all(same_ids)
    for at, (same, my, (out, logits, _, _)) in enumerate(zip(same_ids, mine, answers)):
        ids = "the same" if same else "DIFFERENT"
        parted = next((step for step, (a, b) in enumerate(zip(out, my["ids"])) if a != b), None)
        if parted is None:
            print(f"{at:<7} {ids:<10} all {len(out)} equal                          good")
            continue
        there = float(logits[parted][out[parted]] - logits[parted][my["ids"][parted]])
        here = my["margins"][parted]
        if min(there, here) < NEAR:
            verdict = f"good: closer than {NEAR}"
        elif there <= change:
            verdict = "good: closer than llama.cpp is to itself"
        else:
            verdict, good = "UNEXPLAINED", False
        print(f"{at:<7} {ids:<10} parted at {parted:<4} {there:<15.4f} {here:<7.4f} {verdict}")
    return good


def speed(file, args):
    theirs = Theirs(file, args.threads)
    ids = theirs.tokenize(" ".join(PROMPTS[:2]) * 8)[:512]
    rounds = []
    for _ in range(args.rounds):
        _, _, read, write = theirs.follow(ids, args.tokens)
        mine = ours(file.parent, [ids], args.tokens, args.threads)[0]
        rounds.append((len(ids) / read, len(ids) / mine["reading"], (args.tokens - 1) / write,
                       (args.tokens - 1) / mine["writing"]))
    read_theirs, read_ours, write_theirs, write_ours = np.median(np.array(rounds), axis=0)
    print("speed, tokens a second, one text alone (theirs, ours, ratio):")
    print(f"  reading {len(ids)}: {read_theirs:.0f} {read_ours:.0f} {read_ours / read_theirs:.2f}")
    print(f"  writing {args.tokens}: {write_theirs:.1f} {write_ours:.1f} {write_ours / write_theirs:.2f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3, help="of the measurement of speed; 0 for none")
    args = parser.parse_args()
    (file,) = args.folder.glob("*.gguf")
    with tempfile.TemporaryDirectory() as folder:
        good = compare("weights as numbers of 32 bits", as_floats(file, folder), args, change_counts=False)
    print()
    good &= compare("weights in their blocks", file, args, change_counts=True)
    if args.rounds:
        print()
        speed(file, args)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
