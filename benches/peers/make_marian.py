"""Writes a Marian network of the size of OPUS-MT's base models, with random weights, for measuring speed.

    pip install torch transformers sentencepiece
    python benches/peers/make_marian.py FOLDER

The folder has Hugging Face's form and can be converted by `ct2-transformers-converter --model FOLDER`. Its sentences mean
nothing: the pieces are those of `models/fr-en`, numbered as in OPUS-MT and filled up with names to its vocabulary. The end
never wins, so that every output has the length that is asked for.
"""

import json
import shutil
import sys
from pathlib import Path

import sentencepiece
import torch
from transformers import GenerationConfig, MarianConfig, MarianMTModel

SIZE = 58101
ROOT = Path(__file__).parents[2]


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    pieces = []
    for name in ["source", "target"]:
        path = ROOT / "models/fr-en" / f"{name}.spm"
        shutil.copy(path, folder / f"{name}.spm")
        model = sentencepiece.SentencePieceProcessor(model_file=str(path))
        pieces += [model.id_to_piece(i) for i in range(len(model))]
    listed = ["</s>", "<unk>", *dict.fromkeys(piece for piece in pieces if piece not in ("</s>", "<unk>", "<s>"))]
    listed += [f"filler{at}" for at in range(SIZE - 1 - len(listed))]
    vocabulary = {piece: at for at, piece in enumerate([*listed, "<pad>"])}
    assert len(vocabulary) == SIZE
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
    (folder / "tokenizer_config.json").write_text(json.dumps({"source_lang": "fra", "target_lang": "eng"}))

    pad = SIZE - 1
    config = MarianConfig(
        vocab_size=SIZE, decoder_vocab_size=SIZE, d_model=512, encoder_layers=6, decoder_layers=6,
        encoder_attention_heads=8, decoder_attention_heads=8, encoder_ffn_dim=2048, decoder_ffn_dim=2048,
        activation_function="swish", scale_embedding=True, max_position_embeddings=512, pad_token_id=pad, eos_token_id=0,
        forced_eos_token_id=0, decoder_start_token_id=pad, share_encoder_decoder_embeddings=True,
    )
    torch.manual_seed(1)
    model = MarianMTModel(config)
    with torch.no_grad():
        model.final_logits_bias[0, 0] = -1e4
    model.generation_config = GenerationConfig(
        max_length=512, num_beams=4, bad_words_ids=[[pad]], pad_token_id=pad, eos_token_id=0,
        decoder_start_token_id=pad, forced_eos_token_id=0, bos_token_id=0,
    )
    model.save_pretrained(folder)


main(Path(sys.argv[1]))
