"""What the small models of `make_marian.py` and `make_t5.py` share: a few lines of text to learn pieces from, the
pieces, random weights that decide clearly, and the expectations that are written beside a model."""

import json
from pathlib import Path

import sentencepiece
import torch
import transformers

torch.set_num_threads(1)

FRENCH = """le chat dort sur le tapis de la maison
la petite fille mange une pomme rouge
nous avons vu la mer et les bateaux hier soir
le ministre a parlé de la guerre et de la paix
l'été dernier, Marie a envoyé douze lettres à son frère
les enfants jouent dans le jardin avec un chien noir
il pleut sur la ville depuis trois jours
où est la gare ? demanda le vieil homme
elle a lu le journal puis elle est rentrée chez elle
le président répond aux questions des journalistes""".splitlines()

ENGLISH = """the cat sleeps on the rug of the house
the little girl eats a red apple
we saw the sea and the boats last night
the minister spoke about the war and the peace
last summer, Mary sent twelve letters to her brother
the children play in the garden with a black dog
it has been raining on the town for three days
where is the station? asked the old man
she read the newspaper and then she went home
the president answers the questions of the journalists""".splitlines()

# The last lines hold what the vocabularies lack, and spaces that collapse.
SOURCES = [
    "le chat dort",
    "la petite fille mange une pomme rouge dans le jardin",
    "il pleut",
    "Marie a lu le journal, puis elle est rentrée",
]
TOKENISED = SOURCES + ["où  est 漢字 Ж, Marie ? 😀", " l'été ½ ﬁn ", "", "𝄞𝄞 xyz"]


def pieces(lines, size, prefix, **options):
    """A SentencePiece model of unigram type; returns its file's bytes."""
    prefix = Path(prefix)
    text = prefix.with_suffix(".txt")
    text.write_text("\n".join(lines * 4))
    sentencepiece.SentencePieceTrainer.train(
        input=str(text), model_prefix=str(prefix), vocab_size=size, model_type="unigram", hard_vocab_limit=False,
        minloglevel=2, num_threads=1, **options,
    )
    text.unlink()
    prefix.with_suffix(".vocab").unlink()
    model = prefix.with_suffix(".model")
    data = model.read_bytes()
    model.unlink()
    return data


def spread(model, seed):
    """Random weights: matrices that keep the size of what they map, norms that are not all ones."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in sorted(model.state_dict().items()):
            if "embed_positions" in name:
                continue
            noise = torch.randn(weight.shape, generator=random)
            if "relative_attention_bias" in name:
                weight.copy_(noise)
            elif "norm" in name and name.endswith("weight"):
                weight.copy_(1 + 0.3 * noise)
            elif name.endswith("bias"):
                weight.copy_(0.3 * noise)
            elif "embed" in name or "shared" in name or "lm_head" in name:
                weight.copy_(noise)
            else:
                weight.copy_(1.4 * noise * weight.shape[-1] ** -0.5)


def as_stored(model, dtype):
    """The weights as a file of that type gives them back. The sinusoids are in no file."""
    with torch.no_grad():
        for name, weight in model.state_dict().items():
            if "embed_positions" not in name:
                weight.copy_(weight.to(dtype).float())
    return model


def rounded(values):
    return [round(float(x), 5) for x in values]


def expectations(model, sources, pad, start, steps, beams):
    """See the comments of the scripts for the fields. None if a choice is so close that rounding could turn it."""
    longest = max(map(len, sources))
    ids = torch.tensor([source + [pad] * (longest - len(source)) for source in sources])
    mask = torch.tensor([[1] * len(source) + [0] * (longest - len(source)) for source in sources])
    limit = model.generation_config.max_length
    with torch.no_grad():
        greedy = model.generate(
            ids, attention_mask=mask, num_beams=1, do_sample=False, output_scores=True, return_dict_in_generate=True
        )
        for step, scores in enumerate(greedy.scores):
            best = scores.topk(2).values
            unfinished = greedy.sequences[:, step + 1] != pad
            if ((best[:, 0] - best[:, 1])[unfinished] < 0.005).any():
                return None
        outputs = [trimmed(row, pad) for row in greedy.sequences[:, 1:].tolist()]
        forced = [([start] + output)[:steps] for output in outputs]
        width = max(map(len, forced))
        decoder_ids = torch.tensor([row + [pad] * (width - len(row)) for row in forced])
        out = model(input_ids=ids, attention_mask=mask, decoder_input_ids=decoder_ids)
        result = {
            "transformers": transformers.__version__,
            "sources": sources,
            "encoder_states": [
                [rounded(row) for row in states[: len(source)]]
                for states, source in zip(out.encoder_last_hidden_state, sources)
            ],
            "forced": forced,
            "logits": [[rounded(row) for row in rows[: len(given)]] for rows, given in zip(out.logits, forced)],
            "greedy": outputs,
            "max_length": limit,
            "beams": [],
        }
        for options in beams:
            found = model.generate(
                ids, attention_mask=mask, do_sample=False, output_scores=True, return_dict_in_generate=True,
                num_return_sequences=2, **options,
            )
            scores = found.sequences_scores.reshape(len(sources), 2)
            if (scores[:, 0] - scores[:, 1] < 1e-3).any():
                return None
            sequences = [trimmed(row, pad) for row in found.sequences[::2, 1:].tolist()]
            result["beams"].append(dict(options, sequences=sequences, scores=rounded(scores[:, 0])))
        # An expectation that all ends alike would not tell a wrong end.
        lengths = {len(output) for output in outputs}
        if len(lengths) < 2 or not any(2 < length < limit - 1 for length in lengths):
            return None
        differ = any(beam["sequences"] != outputs for beam in result["beams"])
        return result if differ else None


def trimmed(row, pad):
    while row and row[-1] == pad:
        row.pop()
    return row


def write(path, value):
    Path(path).write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")
