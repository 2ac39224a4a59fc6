"""CTranslate2 on a Marian of OPUS-MT's size with random weights: 64 sentences a batch and thread, outputs of 64 tokens each,
from text to text.

Its settings are those that its documentation advises for throughput: int8, MKL as its wheel has it, two threads as two
workers of one thread each, as ours. Float32 is compared with our float32, which is a reference, not made to be fast.
"""

from harness import marian
from harness.environment import Environment
from harness.work import Figure, Work

# (compute type, hypotheses, threads, goal)
WORKS = [
    ("int8", 1, 1, 2),
    ("int8", 4, 1, 2),
    ("int8", 1, 2, 2),
    ("int8", 4, 2, 2),
    ("float32", 1, 1, None),
    ("float32", 4, 1, None),
]


def works(options):
    environment = Environment("ctranslate2")
    model, vocabulary = marian.converted(), marian.folder()
    return [work(environment, model, vocabulary, *what) for what in WORKS]


def work(environment, model, vocabulary, compute_type, beam, threads, goal):
    search = "greedy" if beam == 1 else f"beam {beam}"
    name = f"{compute_type} {search}, {threads} thread{'s' * (threads > 1)}"

    def theirs():
        return environment.worker("ctranslate2", model, vocabulary, marian.sentences(threads), compute_type, beam, threads,
                                  marian.BATCH, marian.OUTPUT_TOKENS)

    def ours():
        return marian.ours(threads, beam, {"float32": "f32"}.get(compute_type, compute_type))

    figures = [Figure("target_tokens_per_second", name, "tokens/s", goal)]
    return Work(figures, theirs, ours, same=("source_tokens", "target_tokens"))
