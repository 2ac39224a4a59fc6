"""Writes small T5 networks in Hugging Face's form, one folder a variant, each with what `transformers` makes of it.

    pip install torch transformers sentencepiece
    python tests/golden/make_t5.py                # writes tests/golden/t5/

Weights are random from seeds, chosen as in `make_marian.py`, which also tells the fields of `golden.json`. A folder holds
`config.json`, `generation_config.json`, `spiece.model` and the weights, in one file or, with an index, in two. One field
more: `buckets`, the relative buckets of distances from -200 to 200, `{both, backward}`, for 32 buckets up to 128.
"""

import json
import shutil
from pathlib import Path

import sentencepiece
import torch
from corpus import ENGLISH, FRENCH, SOURCES, TOKENISED, as_stored, expectations, pieces, spread, write
from safetensors.torch import save_file
from transformers import GenerationConfig, T5Config, T5ForConditionalGeneration
from transformers.models.t5.modeling_t5 import T5Attention

OUT = Path(__file__).parent / "t5"
BEAMS = [
    dict(num_beams=4, length_penalty=1.0, early_stopping=False),
    dict(num_beams=4, length_penalty=0.6, early_stopping=True),
]
SHAPES = [
    # The first T5: one table, its scores scaled.
    dict(name="relu-tied", tied=True, shards=1, dtype=torch.float32, spm={}, config=dict(
        d_model=32, d_kv=16, num_heads=2, d_ff=40, num_layers=2, num_decoder_layers=1, feed_forward_proj="relu",
        relative_attention_num_buckets=8, relative_attention_max_distance=10)),
    # T5 1.1, mT5, FLAN-T5, MADLAD: gated, a table each; heads that are wider than the model; bytes for unknown letters.
    dict(name="gated-separate", tied=False, shards=2, dtype=torch.float32,
         spm=dict(byte_fallback=True, user_defined_symbols=["<2de>", "<2en>"]), prefix="<2de>", config=dict(
             d_model=24, d_kv=10, num_heads=3, d_ff=32, num_layers=1, num_decoder_layers=2,
             feed_forward_proj="gated-gelu", relative_attention_num_buckets=12, relative_attention_max_distance=20)),
    dict(name="silu-bf16", tied=False, shards=1, dtype=torch.bfloat16, spm={}, config=dict(
        d_model=16, d_kv=8, num_heads=2, d_ff=24, num_layers=1, num_decoder_layers=1, feed_forward_proj="gated-silu",
        relative_attention_num_buckets=8, relative_attention_max_distance=12)),
]


def as_safetensors(folder, shape, model, tokenizer):
    """Writes the weights in the shape's type, and gives them back to the model as they are then."""
    as_stored(model, shape["dtype"])
    tensors = {name: tensor.to(shape["dtype"]).contiguous() for name, tensor in own_tensors(model, shape).items()}
    save(folder, tensors, shape["shards"])


def own_tensors(model, shape):
    """Each once."""
    return {name: tensor for name, tensor in model.state_dict().items()
            if not name.endswith("embed_tokens.weight") and not (shape["tied"] and name == "lm_head.weight")}


def make(shape, store=as_safetensors):
    """`store(folder, shape, model, tokenizer)` writes the weights, and leaves the model with what it wrote."""
    folder = OUT / shape["name"]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    size = 420 if "byte_fallback" in shape["spm"] else 130
    options = dict(normalization_rule_name="identity", pad_id=0, eos_id=1, unk_id=2, bos_id=-1) | shape["spm"]
    (folder / "spiece.model").write_bytes(pieces(FRENCH + ENGLISH, size, folder / "spiece", **options))
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(folder / "spiece.model"))
    # Ten sentinels behind the pieces, and rows that no token has.
    written = dict(shape["config"], vocab_size=len(tokenizer) + 14, tie_word_embeddings=shape["tied"],
                   decoder_start_token_id=0, dropout_rate=0.0)
    config = T5Config(**written)
    prefix = [tokenizer.piece_to_id(shape["prefix"])] if "prefix" in shape else []
    given = f"{shape['prefix']} " if prefix else ""
    tokenised = [{"text": given + text, "ids": prefix + tokenizer.encode(text) + [1]} for text in TOKENISED]
    sources = [line["ids"] for line in tokenised[: len(SOURCES)]]
    for seed in range(2000):
        model = T5ForConditionalGeneration(config).eval()
        if not shape["tied"]:
            model.lm_head.weight = torch.nn.Parameter(torch.zeros_like(model.lm_head.weight))
        spread(model, seed)
        with torch.no_grad():
            # Small embeddings, so that the layers decide and not the token before; scores far from each other.
            size = shape.get("embeddings", 0.4)
            model.shared.weight.mul_(size)
            model.decoder.final_layer_norm.weight.mul_(shape.get("scores", 6.0 / size if shape["tied"] else 1.2))
            # Ends come now and then.
            output = model.shared if shape["tied"] else model.lm_head
            output.weight[1] *= 2.0
            if "banned" in shape:
                # What is not forbidden there must not come by itself: padding.
                output.weight[0] *= 0.05
        store(folder, shape, model, tokenizer)
        model.generation_config = GenerationConfig(
            max_length=16, pad_token_id=0, eos_token_id=1, decoder_start_token_id=0,
            bad_words_ids=shape.get("banned", [[0]]),
            use_cache=False,  # transformers sizes the cache by the encoder's layers
        )
        golden = expectations(model, sources, 0, 0, 8, BEAMS)
        if golden:
            break
    print(shape["name"], "seed", seed, "parameters", sum(p.numel() for p in model.parameters()))
    write(folder / "config.json", dict(
        config.to_dict(), model_type="t5", tie_word_embeddings=shape["tied"], architectures=["T5ForConditionalGeneration"]))
    model.generation_config.save_pretrained(folder)
    distances = torch.arange(-200, 201)
    golden["buckets"] = {
        name: T5Attention._relative_position_bucket(distances, both, 32, 128).tolist()
        for name, both in [("both", True), ("backward", False)]
    }
    golden["tokenised"] = tokenised
    ordinary = tokenizer.encode("le chat dort et 漢 é, puis")
    golden["decoded"] = [{"ids": ids, "text": tokenizer.decode(ids).strip()} for ids in [ordinary, [5, 9, 20, 30]]]
    write(folder / "golden.json", golden)
    print("  greedy", [len(ids) for ids in golden["greedy"]])
    return folder


def save(folder, tensors, shards):
    names = sorted(tensors)
    if shards == 1:
        return save_file(tensors, folder / "model.safetensors")
    places = {}
    for at in range(shards):
        file = f"model-{at + 1:05}-of-{shards:05}.safetensors"
        part = names[at::shards]
        save_file({name: tensors[name] for name in part}, folder / file)
        places.update(dict.fromkeys(part, file))
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))


if __name__ == "__main__":
    for shape in SHAPES:
        make(shape)
