"""Hugging Face's transformers on the same Marian as CTranslate2: float32 on torch, greedy, one batch of 64, one thread;
against our int8. For the table: there is no goal."""

from harness import marian
from harness.environment import Environment
from harness.work import Figure, Work


def works(options):
    environment = Environment("transformers")
    model = marian.folder()

    def theirs():
        return environment.worker("transformers", model, marian.sentences(1), marian.OUTPUT_TOKENS)

    def ours():
        return marian.ours(1, 1, "int8")

    figures = [Figure("target_tokens_per_second", "greedy, 1 thread", "tokens/s")]
    return [Work(figures, theirs, ours, same=("source_tokens", "target_tokens"))]
