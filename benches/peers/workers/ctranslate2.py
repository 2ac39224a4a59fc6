"""CTranslate2 over a file of sentences, in its own environment: figures as JSON.

    python ctranslate2.py MODEL VOCABULARY FILE COMPUTE_TYPE BEAM THREADS BATCH OUTPUT_TOKENS
"""

import json
import pathlib
import sys
import time

sys.path.pop(0)  # this folder has files with the names of the libraries

import ctranslate2
import sentencepiece

END = "</s>"
WARM_UP_LINES = 16


def main(model, vocabulary, file, compute_type, beam, threads, batch, output_tokens):
    source = sentencepiece.SentencePieceProcessor(model_file=f"{vocabulary}/source.spm")
    target = sentencepiece.SentencePieceProcessor(model_file=f"{vocabulary}/target.spm")
    lines = pathlib.Path(file).read_text(encoding="utf-8").splitlines()
    translator = ctranslate2.Translator(model, compute_type=compute_type, inter_threads=threads, intra_threads=1)

    def translate(lines):
        pieces = [[*source.encode(line, out_type=str), END] for line in lines]
        results = translator.translate_batch(pieces, beam_size=beam, max_batch_size=batch, return_scores=False,
                                             min_decoding_length=output_tokens, max_decoding_length=output_tokens)
        outputs = [result.hypotheses[0] for result in results]
        return pieces, outputs, [target.decode(output) for output in outputs]

    translate(lines[:WARM_UP_LINES * threads])
    started = time.perf_counter()
    pieces, outputs, _ = translate(lines)
    seconds = time.perf_counter() - started
    source_tokens, target_tokens = (sum(map(len, side)) for side in (pieces, outputs))
    print(json.dumps({
        "source_tokens": source_tokens,
        "target_tokens": target_tokens,
        "target_tokens_per_second": target_tokens / seconds,
    }))


main(*sys.argv[1:5], *map(int, sys.argv[5:]))
