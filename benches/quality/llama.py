"""Compares greedy continuations and speed with llama.cpp on the same GGUF file.

    pip install llama-cpp-python      # CMAKE_ARGS="-DGGML_NATIVE=OFF -DGGML_AVX512=ON -DGGML_AVX512_VNNI=ON ..."
    cargo build --release --example continue
    python benches/quality/llama.py ~/.local/share/depeche/models/smollm2-135m-instruct-q4-1 [--tokens 48] [--threads 2]

llama.cpp keeps keys and values in 32 bits here, as we do. Prompts are tokenised by both, and compared; each is
continued from the same ids. Where the continuations part, what counts is how far the two best logits lay apart: so
near, rounding decides.
"""

import argparse
import json
import os
import subprocess
import time
from pathlib import Path

import numpy as np
from llama_cpp import GGML_TYPE_F32, Llama, llama_get_logits_ith

PROMPTS = [
    "Paris, le 24 novembre 2026. Le gouvernement a annoncé mardi que l'âge de la retraite ne changerait pas avant 2030.",
    "The three largest cities of France are Paris, Marseille and Lyon. Lyon is known for its cuisine, its silk and",
    "Summary of the article: 1,250 people — among them 37 children — left the island on Sunday (“at last”, said one).\n\n",
]
ROOT = Path(__file__).parents[2]


def ours(folder, prompts, tokens, threads):
    run = subprocess.run(
        [ROOT / "target/release/examples/continue", folder, str(tokens)],
        input=json.dumps(prompts), capture_output=True, text=True, check=True,
        env=dict(os.environ, RAYON_NUM_THREADS=str(threads)),
    )
    return [json.loads(line) for line in run.stdout.splitlines()]


def theirs(llama, ids, tokens):
    """Ids, the distance of each from the second best, and seconds for reading and for writing."""
    llama.reset()
    start = time.perf_counter()
    llama.eval(ids)
    read = time.perf_counter()
    out, margins = [], []
    for _ in range(tokens):
        scores = np.ctypeslib.as_array(llama_get_logits_ith(llama.ctx, -1), shape=(llama.n_vocab(),))
        second, best = np.argpartition(scores, -2)[-2:]
        if scores[second] > scores[best]:
            second, best = best, second
        out.append(int(best))
        margins.append(float(scores[best] - scores[second]))
        if len(out) < tokens:
            llama.eval([int(best)])
    return out, margins, read - start, time.perf_counter() - read


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    (file,) = args.folder.glob("*.gguf")
    llama = Llama(
        str(file), n_ctx=2048, n_batch=512, n_threads=args.threads, n_threads_batch=args.threads, logits_all=False,
        type_k=GGML_TYPE_F32, type_v=GGML_TYPE_F32, flash_attn=False, verbose=False,
    )
    answers = ours(args.folder, PROMPTS, args.tokens, args.threads)
    for prompt, answer in zip(PROMPTS, answers):
        ids = llama.tokenize(prompt.encode(), add_bos=True, special=True)
        print("tokens of the prompt:", "the same" if ids == answer["prompt"] else f"{ids}\n  ours {answer['prompt']}")
        out, margins, _, _ = theirs(llama, ids, args.tokens)
        parted = next((at for at, (a, b) in enumerate(zip(out, answer["ids"])) if a != b), None)
        if parted is None:
            print(f"  all {len(out)} tokens the same: {answer['text']!r}")
        else:
            print(f"  parted at token {parted}: logits of the two best {margins[parted]:.4f} apart there, "
                  f"{answer['margins'][parted]:.4f} here: {answer['text']!r}")

    print("\nspeed, tokens a second, one text alone (theirs, ours, ratio):")
    text = " ".join(PROMPTS[:2]) * 8
    ids = llama.tokenize(text.encode(), add_bos=True, special=True)[:512]
    rounds = []
    for _ in range(args.rounds):
        _, _, read, write = theirs(llama, ids, args.tokens)
        mine = ours(args.folder, [ids], args.tokens, args.threads)[0]
        rounds.append((len(ids) / read, len(ids) / mine["reading"], (args.tokens - 1) / write,
                       (args.tokens - 1) / mine["writing"]))
    read_theirs, read_ours, write_theirs, write_ours = np.median(np.array(rounds), axis=0)
    print(f"  reading {len(ids)}: {read_theirs:.0f} {read_ours:.0f} {read_ours / read_theirs:.2f}")
    print(f"  writing {args.tokens}: {write_theirs:.1f} {write_ours:.1f} {write_ours / write_theirs:.2f}")


if __name__ == "__main__":
    main()
