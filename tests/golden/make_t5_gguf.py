"""Writes small T5 networks as GGUF files, one folder a form, each with what `transformers` makes of it.

    pip install torch transformers sentencepiece gguf tokenizers
    python tests/golden/make_t5_gguf.py           # writes folders of tests/golden/t5/

Weights and expectations are as in `make_t5.py`; the network that `transformers` computes has the weights that the package
`gguf` reads out of the blocks.

- `gguf-hugging`: Hugging Face's names of the tensors, `config.json` and `tokenizer.json` beside the file, as candle's
  tools and the MADLAD-400 of Google's own repository have it. Blocks of 256 (Q4_K) where the rows are long enough, else Q8_0.
- `gguf-llama`: llama.cpp's names, with settings and vocabulary in the file, and nothing beside it.
"""

import base64
import json
import tempfile

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from make_t5 import make, own_tensors
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Tokenizer

# Two ligatures and a fraction, so that there is a table of replacements, and a small one.
RULES = "FB01\t66 69\nFB02\t66 6C\nBD\t31 2F 32\n"
SHAPES = [
    # Scores are small, so that the rounding of 32 bits stays below what is compared.
    dict(name="gguf-hugging", tied=False, scores=0.1, quants=[Type.Q4_K, Type.Q8_0],
         spm=dict(user_defined_symbols=["<2de>", "<2en>"]), prefix="<2de>", config=dict(
             d_model=256, d_kv=16, num_heads=4, d_ff=64, num_layers=1, num_decoder_layers=1,
             feed_forward_proj="gated-gelu", relative_attention_num_buckets=12, relative_attention_max_distance=20)),
    # What such a file does not say: relu without a gate, distances up to 128.
    dict(name="gguf-llama", tied=True, quants=[Type.Q5_1, Type.F16], spm={}, banned=None, embeddings=0.1, scores=15.0, config=dict(
        d_model=32, d_kv=16, num_heads=2, d_ff=64, num_layers=2, num_decoder_layers=1, feed_forward_proj="relu",
        relative_attention_num_buckets=8, relative_attention_max_distance=128)),
]


def q4_k(rows):
    """Blocks of 256 in eight groups, `scale * quant - minimum`, each group's two factors of six bits."""
    groups = rows.reshape(-1, 8, 32)
    low = np.minimum(groups.min(axis=-1), 0)
    step = (groups.max(axis=-1) - low) / 15
    halves = [np.maximum(of.max(axis=-1) / 63, 1e-8).astype(np.float16) for of in (step, -low)]
    scale, minimum = (
        np.clip(np.rint(of / half.astype(np.float32)[:, None]), 0, 63).astype(np.uint8)
        for of, half in zip((step, -low), halves)
    )
    real, below = (six * half.astype(np.float32)[:, None] for six, half in zip((scale, minimum), halves))
    quants = (groups + below[..., None]) / np.maximum(real, 1e-12)[..., None]
    quants = np.clip(np.rint(quants), 0, 15).astype(np.uint8).reshape(-1, 4, 2, 32)
    factors = np.concatenate([
        scale[:, :4] | (scale[:, 4:] >> 4 << 6), minimum[:, :4] | (minimum[:, 4:] >> 4 << 6),
        (scale[:, 4:] & 15) | (minimum[:, 4:] & 15) << 4,
    ], axis=-1)
    nibbles = (quants[:, :, 0] | quants[:, :, 1] << 4).reshape(-1, 128)
    blocks = np.concatenate([*(half[:, None].view(np.uint8) for half in halves), factors, nibbles], axis=-1)
    return blocks.reshape(rows.shape[0], -1)


def stored(values, quants):
    """The bytes of a tensor and their type: the first of `quants` whose blocks its rows fill; vectors as they are."""
    fits = (kind for kind in quants if values.shape[-1] % gguf.GGML_QUANT_SIZES[kind][0] == 0)
    kind = next(fits, Type.F32) if values.ndim == 2 else Type.F32
    return (q4_k(values) if kind == Type.Q4_K else gguf.quantize(values, kind)), kind


def llama_name(name):
    """By the table of the package `gguf`."""
    return gguf.get_tensor_name_map(gguf.MODEL_ARCH.T5, 4).get_name(name, try_suffixes=(".weight",))


def store(folder, shape, model, tokenizer):
    llama = shape["name"] == "gguf-llama"
    path = folder / ("model-q4k.gguf" if not llama else "model.gguf")
    writer = gguf.GGUFWriter(path, "t5")
    if llama:
        settings(writer, model.config, folder / "spiece.model")
    else:
        # candle's tools write no settings at all.
        writer.kv_data = [{}]
    found = set()
    with torch.no_grad():
        for name, tensor in own_tensors(model, shape).items():
            blocks, kind = stored(tensor.numpy(), shape["quants"])
            found.add(kind)
            writer.add_tensor(llama_name(name) if llama else name, blocks, raw_dtype=kind)
            tensor.copy_(torch.from_numpy(gguf.dequantize(blocks, kind).reshape(tensor.shape)))
    assert found >= set(shape["quants"]), found
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def settings(writer, config, model):
    """What llama.cpp's converter writes (`conversion/t5.py`)."""
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(model.read_bytes())
    writer.add_context_length(512)
    writer.add_embedding_length(config.d_model)
    writer.add_feed_forward_length(config.d_ff)
    writer.add_block_count(config.num_layers)
    writer.add_decoder_block_count(config.num_decoder_layers)
    writer.add_head_count(config.num_heads)
    writer.add_key_length(config.d_kv)
    writer.add_value_length(config.d_kv)
    writer.add_layer_norm_eps(config.layer_norm_epsilon)
    writer.add_relative_attn_buckets_count(config.relative_attention_num_buckets)
    writer.add_layer_norm_rms_eps(config.layer_norm_epsilon)
    writer.add_decoder_start_token_id(config.decoder_start_token_id)
    padding = range(len(proto.pieces), config.vocab_size)
    writer.add_tokenizer_model("t5")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([piece.piece for piece in proto.pieces] + [f"[PAD{at}]" for at in padding])
    writer.add_token_scores([piece.score for piece in proto.pieces] + [-10000.0 for _ in padding])
    writer.add_token_types([piece.type for piece in proto.pieces] + [5 for _ in padding])
    writer.add_add_space_prefix(proto.normalizer_spec.add_dummy_prefix)
    writer.add_remove_extra_whitespaces(proto.normalizer_spec.remove_extra_whitespaces)
    if proto.normalizer_spec.precompiled_charsmap:
        writer.add_precompiled_charsmap(proto.normalizer_spec.precompiled_charsmap)
    writer.add_eos_token_id(1)
    writer.add_unk_token_id(2)
    writer.add_pad_token_id(0)


def tokenizer_json(model):
    """As `transformers` 4 converts a SentencePiece model of T5's."""
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(model.read_bytes())
    added = [(at, piece) for at, piece in enumerate(proto.pieces) if piece.type in (2, 3, 4)]
    charsmap = base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode()
    space = dict(type="Metaspace", replacement="\u2581", prepend_scheme="always", split=True)
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [
            dict(id=at, content=piece.piece, single_word=False, lstrip=False, rstrip=False, normalized=False,
                 special=piece.type != 4)
            for at, piece in added
        ],
        "normalizer": dict(type="Sequence", normalizers=[
            dict(type="Precompiled", precompiled_charsmap=charsmap), dict(type="Strip", strip_left=False, strip_right=True),
            dict(type="Replace", pattern={"Regex": " {2,}"}, content="\u2581"),
        ]),
        "pre_tokenizer": space,
        "post_processor": dict(
            type="TemplateProcessing", single=[{"Sequence": dict(id="A", type_id=0)}, {"SpecialToken": dict(id="</s>", type_id=0)}],
            pair=[], special_tokens={"</s>": dict(id="</s>", ids=[1], tokens=["</s>"])}),
        "decoder": space,
        "model": dict(type="Unigram", unk_id=2, byte_fallback=False,
                      vocab=[[piece.piece, piece.score] for piece in proto.pieces]),
    }


def hugging(folder):
    """Leaves the vocabulary as `tokenizer.json` alone, and what the package `tokenizers` makes of it."""
    written = json.dumps(tokenizer_json(folder / "spiece.model"), ensure_ascii=False)
    (folder / "tokenizer.json").write_text(written)
    (folder / "spiece.model").unlink()
    tokenizer = Tokenizer.from_str(written)
    golden = json.loads((folder / "golden.json").read_text())
    for line in golden["tokenised"]:
        line["ids"] = tokenizer.encode(line["text"]).ids
    (folder / "golden.json").write_text(json.dumps(golden, ensure_ascii=False, separators=(",", ":")) + "\n")


def llama(folder):
    for name in ["config.json", "generation_config.json", "spiece.model"]:
        (folder / name).unlink()


def main():
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as rules:
        rules.write(RULES)
        rules.flush()
        for shape, leave in zip(SHAPES, [hugging, llama]):
            shape["spm"] |= dict(normalization_rule_tsv=rules.name)
            leave(make(shape, store))


if __name__ == "__main__":
    main()
