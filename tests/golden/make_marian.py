"""Writes small Marian networks in Hugging Face's form, one folder a variant, each with what `transformers` makes of it.

    pip install torch transformers sentencepiece
    python tests/golden/make_marian.py            # writes tests/golden/marian/

Weights are random from seeds; the first seed is taken whose greedy and beam choices are not near ties and whose outputs
have different lengths. A folder holds the model's own files (`config.json`, `generation_config.json`,
`model.safetensors`, `source.spm`, `target.spm`, `vocab.json`, perhaps `target_vocab.json`) and `golden.json`:

- `transformers`: version that all the rest is from; all of it in float32 on the weights as they lie in the file
- `tokenised`: `{text, ids}`, the source tokenizer's ids with the end; `prefix` (`>>xx<<`) is part of the text
- `decoded`: `{ids, text}`, the target side's text of some ids, special tokens left out
- `sources`: token ids of a batch, padded there, of unequal lengths
- `encoder_states`: for each source its rows `[tokens][d_model]`
- `forced`: for each source the decoder's input, its first token the start
- `logits`: for each source, for each token of `forced`, the scores of the whole vocabulary with the final bias
- `greedy`: for each source the output of greedy search, without the start, with the end
- `max_length`: of an output with its start, at which the end is forced
- `beams`: searches `{num_beams, length_penalty, early_stopping}` with the best of each source in `sequences` (as in
  `greedy`) and their `scores` (sum of log-probabilities over length to the power of the penalty)
"""

import shutil
from pathlib import Path

import sentencepiece
import torch
from corpus import ENGLISH, FRENCH, SOURCES, TOKENISED, as_stored, expectations, pieces, spread, write
from transformers import GenerationConfig, MarianConfig, MarianMTModel, MarianTokenizer

OUT = Path(__file__).parent / "marian"
BEAMS = [
    dict(num_beams=4, length_penalty=1.0, early_stopping=False),
    dict(num_beams=4, length_penalty=0.6, early_stopping=True),
    dict(num_beams=2, length_penalty=1.4, early_stopping="never"),
]
SHAPES = [
    # As OPUS-MT has them: one vocabulary, one table.
    dict(name="swish-tied", rule="nmt_nfkc", languages=[], separate=False, tied=True, dtype=torch.float32, config=dict(
        d_model=32, encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=40, decoder_ffn_dim=40,
        encoder_layers=2, decoder_layers=1, activation_function="swish", scale_embedding=True)),
    # Several targets, in half precision; probabilities are taken after what must not come is out.
    dict(name="relu-targets", rule="identity", languages=["eng", "deu_Latn"], separate=False, tied=True, dtype=torch.float16,
         renormalize=True, config=dict(
             d_model=24, encoder_attention_heads=4, decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=48,
             encoder_layers=1, decoder_layers=2, activation_function="relu", scale_embedding=True)),
    # Two vocabularies, three tables.
    dict(name="gelu-separate", rule="identity", languages=["en", "de"], separate=True, tied=False, dtype=torch.float32, config=dict(
        d_model=24, encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=32, decoder_ffn_dim=32,
        encoder_layers=2, decoder_layers=2, activation_function="gelu", scale_embedding=False)),
    dict(name="gelu-new-bf16", rule="identity", languages=[], separate=True, tied=True, dtype=torch.bfloat16, config=dict(
        d_model=20, encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=24, decoder_ffn_dim=24,
        encoder_layers=1, decoder_layers=1, activation_function="gelu_new", scale_embedding=True)),
    # Of several tokens together, too, it is said that they must not come; what must not come is likely, and probabilities
    # are taken without it.
    dict(name="banned-sequences", rule="identity", languages=[], separate=True, tied=False, dtype=torch.float32,
         renormalize=True, banned=True, config=dict(
             d_model=16, encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=24, decoder_ffn_dim=24,
             encoder_layers=1, decoder_layers=1, activation_function="swish", scale_embedding=False)),
]


def vocabularies(folder, shape):
    """`vocab.json` as OPUS-MT has it: end, unknown, the pieces of both sides, languages, padding."""
    sides = []
    for name, lines, size in [("source", FRENCH, 90), ("target", ENGLISH, 80)]:
        (folder / f"{name}.spm").write_bytes(
            # The rule that OPUS-MT's have is a table of 240 kB: one file has it.
            pieces(lines, size, folder / name, normalization_rule_name=shape["rule"] if name == "source" else "identity"))
        model = sentencepiece.SentencePieceProcessor(model_file=str(folder / f"{name}.spm"))
        sides.append([model.id_to_piece(i) for i in range(3, len(model))])
    languages = [f">>{language}<<" for language in shape["languages"]]

    def vocabulary(listed, extra):
        # Marian's vocabularies are in no order of the pieces' own.
        listed = sorted(set(listed), key=lambda piece: (len(piece) * 7 % 5, piece))
        return {piece: at for at, piece in enumerate(["</s>", "<unk>", *listed, *extra, "<pad>"])}

    if shape["separate"]:
        found = [vocabulary(sides[0], languages), vocabulary(sides[1], [])]
        write(folder / "target_vocab.json", found[1])
    else:
        found = [vocabulary(sides[0] + sides[1], languages)] * 2
    write(folder / "vocab.json", found[0])
    return found


def sequences_of(model, sources, pad):
    """Two and three tokens out of what it writes, none within another, no token twice; None where there are not."""
    outputs = [model.generate(torch.tensor([source]), num_beams=1, do_sample=False)[0, 1:].tolist() for source in sources]
    two, three = outputs[1][:2], outputs[3][1:4]
    found = {0, pad}.union(two, three)
    return [two, three] if len(found) == 7 else None


def make(shape):
    folder = OUT / shape["name"]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    source, target = vocabularies(folder, shape)
    # One id for both where there are two: that of the smaller, which in the larger is an ordinary piece.
    pad = target["<pad>"]
    config = MarianConfig(
        vocab_size=len(source), decoder_vocab_size=len(target), max_position_embeddings=64, pad_token_id=pad,
        eos_token_id=0, bos_token_id=None, forced_eos_token_id=0, decoder_start_token_id=pad,
        share_encoder_decoder_embeddings=not shape["separate"], tie_word_embeddings=shape["tied"], dropout=0.0,
        attention_dropout=0.0, **shape["config"],
    )
    options = dict(source_spm=str(folder / "source.spm"), target_spm=str(folder / "target.spm"),
                   vocab=str(folder / "vocab.json"), separate_vocabs=shape["separate"])
    if shape["separate"]:
        options["target_vocab_file"] = str(folder / "target_vocab.json")
    tokenizer = MarianTokenizer(**options)
    prefix = f">>{shape['languages'][0]}<< " if shape["languages"] else ""
    tokenised = [{"text": prefix + text, "ids": tokenizer(prefix + text).input_ids} for text in TOKENISED]
    sources = [line["ids"] for line in tokenised[: len(SOURCES)]]
    generation = GenerationConfig(
        max_length=18, num_beams=4, pad_token_id=pad, eos_token_id=0, decoder_start_token_id=pad,
        forced_eos_token_id=0, bad_words_ids=[[pad]], renormalize_logits=shape.get("renormalize", False),
    )
    for seed in range(1000):
        model = MarianMTModel(config).eval()
        spread(model, seed)
        with torch.no_grad():
            model.final_logits_bias[0, 0] += 2.0
        model = as_stored(model, shape["dtype"])
        model.generation_config = generation
        if "banned" in shape:
            with torch.no_grad():
                model.final_logits_bias[0, pad] += 4.0
            # An end by itself always may come.
            generation.bad_words_ids = [[pad], [0]]
            sequences = sequences_of(model, sources, pad)
            if not sequences:
                continue
            generation.bad_words_ids = [[pad], [0], *sequences]
        golden = expectations(model, sources, pad, pad, 8, BEAMS)
        if golden:
            break
    print(shape["name"], "seed", seed, "parameters", sum(p.numel() for p in model.parameters()))
    model.to(shape["dtype"]).save_pretrained(folder)
    # Of the decoder the ids of ordinary pieces, outputs, and what is left out.
    ordinary = list(range(2, 24))
    golden["tokenised"] = tokenised
    golden["decoded"] = [
        {"ids": ids, "text": tokenizer.decode(ids, skip_special_tokens=True)}
        for ids in [ordinary, golden["greedy"][1], golden["greedy"][3], [5, 0]]
    ]
    write(folder / "golden.json", golden)
    print("  greedy", [len(ids) for ids in golden["greedy"]],
          [[len(ids) for ids in beam["sequences"]] for beam in golden["beams"]])


if __name__ == "__main__":
    for shape in SHAPES:
        make(shape)
