"""Hugging Face's transformers over a file of sentences, one batch, in its own environment: figures as JSON.

    python transformers.py MODEL FILE OUTPUT_TOKENS
"""

import json
import pathlib
import sys
import time

sys.path.pop(0)  # this folder has files with the names of the libraries

import torch
from transformers import MarianMTModel, MarianTokenizer

WARM_UP_LINES = 16


def main(folder, file, output_tokens):
    torch.set_num_threads(1)
    tokenizer = MarianTokenizer.from_pretrained(folder)
    model = MarianMTModel.from_pretrained(folder, dtype=torch.float32).eval()
    lines = pathlib.Path(file).read_text(encoding="utf-8").splitlines()

    @torch.inference_mode()
    def translate(lines):
        batch = tokenizer(lines, return_tensors="pt", padding=True)
        outputs = model.generate(**batch, num_beams=1, do_sample=False, min_new_tokens=output_tokens,
                                 max_new_tokens=output_tokens, forced_eos_token_id=None)
        tokenizer.batch_decode(outputs, skip_special_tokens=True)
        return int(batch["attention_mask"].sum()), outputs[:, 1:].numel()

    translate(lines[:WARM_UP_LINES])
    started = time.perf_counter()
    source_tokens, target_tokens = translate(lines)
    seconds = time.perf_counter() - started
    print(json.dumps({
        "source_tokens": source_tokens,
        "target_tokens": target_tokens,
        "target_tokens_per_second": target_tokens / seconds,
    }))


main(*sys.argv[1:3], int(sys.argv[3]))
