"""llama.cpp continuing a text, in its own environment: figures as JSON.

    python llama_cpp.py FILE.gguf TEXT PROMPT_TOKENS OUTPUT_TOKENS THREADS

The library's own functions are called, and the likeliest token is found by numpy, so that nothing of the time is
Python's.
"""

import ctypes
import json
import pathlib
import statistics
import sys
import time

sys.path.pop(0)  # this folder has files with the names of the libraries

import numpy
from llama_cpp import Llama, llama_cpp

RUNS = 3


def main(file, text, prompt_tokens, output_tokens, threads):
    llama = Llama(file, n_ctx=prompt_tokens + output_tokens, n_batch=512, n_ubatch=512, n_threads=threads,
                  n_threads_batch=threads, verbose=False)
    prompt = llama.tokenize(pathlib.Path(text).read_bytes())[:prompt_tokens]
    context = llama.ctx
    vocabulary = llama.n_vocab()

    def read(tokens):
        """The likeliest next token."""
        array = (llama_cpp.llama_token * len(tokens))(*tokens)
        if llama_cpp.llama_decode(context, llama_cpp.llama_batch_get_one(array, len(tokens))) != 0:
            sys.exit("llama_decode failed")
        logits = llama_cpp.llama_get_logits_ith(context, -1)
        logits = ctypes.cast(logits, ctypes.POINTER(ctypes.c_float * vocabulary)).contents
        return int(numpy.frombuffer(logits, dtype=numpy.float32).argmax())

    def write():
        """Seconds until the first token, and from it to the last."""
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)
        started = time.perf_counter()
        token = read(prompt)
        first = time.perf_counter()
        for _ in range(output_tokens - 1):
            token = read([token])
        return first - started, time.perf_counter() - first

    write()  # warms up
    prompts, outputs = zip(*(write() for _ in range(RUNS)))
    print(json.dumps({
        "prompt_tokens": len(prompt),
        "output_tokens": output_tokens,
        "prompt_tokens_per_second": len(prompt) / statistics.median(prompts),
        "output_tokens_per_second": (output_tokens - 1) / statistics.median(outputs),
    }))


main(*sys.argv[1:3], *map(int, sys.argv[3:]))
