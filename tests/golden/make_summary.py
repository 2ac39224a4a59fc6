"""Writes a small T5 that was made for summaries, as far as its folder says, and what `transformers` writes with it.

    pip install torch transformers sentencepiece
    python tests/golden/make_summary.py           # writes tests/golden/summary/

Weights are random from a seed, as in `make_t5.py`. The folder's `config.json` names what is read before a text
(`task_specific_params.summarization.prefix`), its `generation_config.json` forbids three tokens twice. `golden.json`: a
list of `text`, the `summary` that greedy search gives for it, and how many `tokens` that has. No choice is so close that
rounding could turn it, and all summaries are different.
"""

import shutil
from pathlib import Path

import sentencepiece
import torch
from corpus import ENGLISH, FRENCH, pieces, spread, write
from safetensors.torch import save_file
from transformers import GenerationConfig, T5Config, T5ForConditionalGeneration

OUT = Path(__file__).parent / "summary"
PREFIX = "summarize: "
WINDOW = 96
TEXTS = [
    "Le ministre a parlé de la guerre et de la paix. Les enfants jouent dans le jardin avec un chien noir.",
    "Il pleut sur la ville depuis trois jours. Nous avons vu la mer et les bateaux hier soir.",
    "Elle a lu le journal puis elle est rentrée chez elle. Marie a envoyé douze lettres à son frère.",
]


def build(vocabulary, seed):
    config = T5Config(
        d_model=32, d_kv=16, num_heads=2, d_ff=40, num_layers=2, num_decoder_layers=2, feed_forward_proj="gated-gelu",
        relative_attention_num_buckets=8, relative_attention_max_distance=20, vocab_size=vocabulary, n_positions=WINDOW,
        tie_word_embeddings=False, decoder_start_token_id=0, dropout_rate=0.0,
    )
    model = T5ForConditionalGeneration(config).eval()
    model.lm_head.weight = torch.nn.Parameter(torch.zeros_like(model.lm_head.weight))
    spread(model, seed)
    with torch.no_grad():
        model.shared.weight.mul_(0.4)
        model.decoder.final_layer_norm.weight.mul_(1.2)
        model.lm_head.weight[1] *= 1.5
    model.generation_config = GenerationConfig(
        max_length=48, pad_token_id=0, eos_token_id=1, decoder_start_token_id=0, no_repeat_ngram_size=3,
        bad_words_ids=[[0], [2]], use_cache=False,
    )
    return model


def summaries(model, tokenizer):
    """None if a choice is close, or an output says little."""
    found = []
    for text in TEXTS:
        ids = torch.tensor([tokenizer.encode(PREFIX + text) + [1]])
        assert ids.shape[1] <= WINDOW
        with torch.no_grad():
            out = model.generate(ids, num_beams=1, do_sample=False, output_scores=True, return_dict_in_generate=True)
        for scores in out.scores:
            best = scores.topk(2).values[0]
            if best[0] - best[1] < 0.02:
                return None
        tokens = out.sequences[0, 1:].tolist()
        if tokens[-1] != 1 or not 8 <= len(tokens) < 40:
            return None
        summary = tokenizer.decode([token for token in tokens[:-1] if token < len(tokenizer)]).strip()
        # What is no sentence by itself, so that nothing is cut or joined.
        if any(mark in summary for mark in "?.:"):
            return None
        found.append({"text": text, "summary": summary, "tokens": len(tokens) - 1})
    return found if len({one["summary"] for one in found}) == len(TEXTS) else None


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    options = dict(normalization_rule_name="identity", pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    lines = [line[0].upper() + line[1:] + "." for line in FRENCH] + ENGLISH
    (OUT / "spiece.model").write_bytes(pieces(lines, 130, OUT / "spiece", **options))
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(OUT / "spiece.model"))
    for seed in range(20000):
        model = build(len(tokenizer) + 6, seed)
        golden = summaries(model, tokenizer)
        if golden:
            break
    print("seed", seed, "parameters", sum(p.numel() for p in model.parameters()), [one["tokens"] for one in golden])
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()
               if not name.endswith("embed_tokens.weight")}
    save_file(tensors, OUT / "model.safetensors")
    config = dict(model.config.to_dict(), model_type="t5", tie_word_embeddings=False,
                  architectures=["T5ForConditionalGeneration"],
                  task_specific_params={"summarization": {"prefix": PREFIX}})
    write(OUT / "config.json", config)
    model.generation_config.save_pretrained(OUT)
    write(OUT / "golden.json", golden)


if __name__ == "__main__":
    main()
