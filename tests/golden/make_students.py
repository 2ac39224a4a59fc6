"""Writes small students in Mozilla's form, one folder a shape, each with its golden vectors.

    pip install numpy sentencepiece
    python tests/golden/make_students.py          # writes tests/golden/students/

The shapes are those of the archive (models/catalog.toml) in all but their sizes, which are such that the files
can lie in the repository: `tiny` has a decoder of two layers, `base-memory` one of four, `base` two vocabularies
with a table each, `base-tied` two vocabularies over one table. Weights are random from fixed seeds. Golden vectors
are float32 arithmetic in numpy on the dequantised weights, formula by formula as in the comments below, each
sentence by itself; pieces and ids are those of the package `sentencepiece`.
"""

import json
import struct
from pathlib import Path

import numpy as np
import sentencepiece

OUT = Path(__file__).parent / "students"
STEPS = 12
# The two best scores of a step lie at least so far apart, that rounding cannot change the choice.
MARGIN = 1e-2
# Inputs of up to 127 of these steps are exact in int8 but for the rounding; those of the layers here are smaller.
INPUT_MULTIPLIER = 20.0
FLOAT32, INTGEMM8, BYTES = 0x0404, 0x4101, 0x0101

SHAPES = [
    # Without `decoder_ffn` the key is missing, as in the older files; 0 is "as in the encoder".
    dict(name="tiny", pair="fren", dim=16, ffn=48, encoder=2, decoder=2, vocab=[64], seed=140),
    dict(name="base-memory", pair="enfr", dim=24, ffn=48, encoder=1, decoder=4, decoder_ffn=0, vocab=[72], seed=89),
    dict(name="base", pair="enja", dim=32, ffn=64, encoder=1, decoder=2, decoder_ffn=0, vocab=[64, 88], seed=273),
    dict(name="base-tied", pair="enzh", dim=32, ffn=64, encoder=1, decoder=2, decoder_ffn=40, vocab=[80, 80],
         tied=True, seed=130),
]
HEADS = 4

SOURCE_WORDS = "the cat sat on a mat and saw one dog run past red house in rain then went back home".split()
TARGET_WORDS = "le chat est sur un tapis et il voit chien qui court loin maison rouge sous pluie puis rentre".split()
TEXTS = ["the cat sat on a mat", "a dog ran past the red house", "cat", "one xx then  home"]


# ---- SentencePiece: a unigram model, protobuf by hand (sentencepiece_model.proto)


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number, value):
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def vocabulary(words, size):
    """`</s>` is 0 and `<unk>` 1, as Marian has them."""
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1) if chr(c) not in "x"]
    pieces = [("</s>", 0.0, 3), ("<unk>", 0.0, 2), ("▁", -2.0, 1)]
    pieces += [(letter, -4.0 - at / 32, 1) for at, letter in enumerate(letters)]
    seen = {piece for piece, _, _ in pieces}
    longer = ["▁" + word for word in words] + [word[at : at + 2] for word in words for at in range(len(word) - 1)]
    for at, piece in enumerate(longer):
        if len(pieces) < size and piece not in seen:
            seen.add(piece)
            pieces.append((piece, -3.0 - at / 64, 1))
    assert len(pieces) == size, (len(pieces), size)
    model = b"".join(
        field(1, field(1, piece) + field(2, float(score)) + field(3, kind)) for piece, score, kind in pieces
    )
    # Unigram; ids of unk, bos (none), eos and pad (none).
    none = (1 << 64) - 1
    trainer = field(3, 1) + field(4, size) + field(40, 1) + field(41, none) + field(42, 0) + field(43, none)
    normalizer = field(1, "identity") + field(3, 1) + field(4, 1)
    return model + field(2, trainer) + field(3, normalizer)


# ---- The `.bin` container


class Weights:
    """Random tensors, as they lie in the file and as real numbers."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.tensors = {}
        self.real = {}

    def matrix(self, name, rows, columns, scale):
        """Declared [rows, columns] and stored transposed, but for the embeddings; a value is q / m."""
        quantised = self.random.integers(-127, 128, (rows, columns)).astype(np.int8)
        multiplier = np.float32(73.6 / scale)
        stored = quantised if name.endswith("Wemb") else quantised.T
        data = stored.tobytes() + struct.pack("<f", multiplier)
        self.tensors[name] = (INTGEMM8, [rows, columns], data + bytes(-len(data) % 256))
        self.real[name] = quantised.astype(np.float32) * (np.float32(1) / multiplier)
        alpha = struct.pack("<f", INPUT_MULTIPLIER)
        # Marian gives the embeddings' own the wrong type; nobody reads it.
        kind = INTGEMM8 if name.endswith("Wemb") else FLOAT32
        self.tensors[name + "_QuantMultA"] = (kind, [1, 1], alpha + bytes(252))

    def vector(self, name, size, centre=0.0, spread=0.3):
        values = (centre + spread * self.random.standard_normal((1, size))).astype("<f4")
        data = values.tobytes()
        self.tensors[name] = (FLOAT32, [1, size], data + bytes(-len(data) % 256))
        self.real[name] = values[0]

    def attention(self, at, dim):
        for letter in "qkvo":
            self.matrix(f"{at}_W{letter}", dim, dim, dim**-0.5)
            self.vector(f"{at}_b{letter}", dim)
        self.norm(f"{at}_Wo", dim)

    def ffn(self, at, dim, hidden):
        # Scales of both signs in the decoder, lest every token is followed by itself: tables are tied.
        centre, spread = (0.0, 1.0) if at.startswith("decoder") else (1.0, 0.3)
        self.matrix(f"{at}_ffn_W1", dim, hidden, dim**-0.5)
        self.vector(f"{at}_ffn_b1", hidden)
        self.matrix(f"{at}_ffn_W2", hidden, dim, hidden**-0.5)
        self.vector(f"{at}_ffn_b2", dim)
        self.norm(f"{at}_ffn_ffn", dim, centre, spread)

    def norm(self, at, dim, centre=1.0, spread=0.3):
        self.vector(f"{at}_ln_scale", dim, centre, spread)
        self.vector(f"{at}_ln_bias", dim, 0.0, 0.1)

    def file(self, config):
        tensors = dict(sorted(self.tensors.items()))
        tensors["none_QuantMultA"] = (FLOAT32, [1, 1], struct.pack("<f", INPUT_MULTIPLIER) + bytes(252))
        text = config.encode() + b"\0"
        tensors["special:model.yml"] = (BYTES, [len(text)], text)
        out = struct.pack("<QQ", 1, len(tensors))
        names = [name.encode() + b"\0" for name in tensors]
        for name, (kind, shape, data) in zip(names, tensors.values()):
            out += struct.pack("<4Q", len(name), kind, len(shape), len(data))
        out += b"".join(names)
        out += b"".join(struct.pack("<i", size) for _, shape, _ in tensors.values() for size in shape)
        gap = -(len(out) + 8) % 256
        out += struct.pack("<Q", gap) + bytes(gap)
        return out + b"".join(data for _, _, data in tensors.values())


def config(shape):
    tied = shape.get("tied") or len(shape["vocab"]) == 1
    sizes = shape["vocab"] * (2 // len(shape["vocab"]))
    lines = [
        "dec-cell: ssru",
        "dec-cell-base-depth: 2",
        f"dec-depth: {shape['decoder']}",
        f"dim-emb: {shape['dim']}",
        "dim-vocabs:",
        *(f"  - {size}" for size in sizes),
        f"enc-depth: {shape['encoder']}",
        f"tied-embeddings: {str(not tied).lower()}",
        f"tied-embeddings-all: {str(bool(tied)).lower()}",
        f"transformer-dim-ffn: {shape['ffn']}",
        f"transformer-heads: {HEADS}",
        'transformer-postprocess: "dan"',
        "type: transformer",
        "version: made by tests/golden/make_students.py",
    ]
    if "decoder_ffn" in shape:
        lines.insert(-4, f"transformer-decoder-dim-ffn: {shape['decoder_ffn']}")
    return "\n".join(lines) + "\n"


def weights(shape):
    made = Weights(shape["seed"])
    dim, ffn = shape["dim"], shape["ffn"]
    one_table = len(shape["vocab"]) == 1 or shape.get("tied")
    tables = ["Wemb"] if one_table else ["encoder_Wemb", "decoder_Wemb"]
    for table, size in zip(tables, shape["vocab"]):
        made.matrix(table, size, dim, 2 * dim**-0.5)
    made.vector("decoder_ff_logit_out_b", shape["vocab"][-1], 0.0, 0.1)
    for layer in range(1, shape["encoder"] + 1):
        made.attention(f"encoder_l{layer}_self", dim)
        made.ffn(f"encoder_l{layer}", dim, ffn)
    for layer in range(1, shape["decoder"] + 1):
        made.matrix(f"decoder_l{layer}_rnn_W", dim, dim, dim**-0.5)
        made.matrix(f"decoder_l{layer}_rnn_Wf", dim, dim, dim**-0.5)
        made.vector(f"decoder_l{layer}_rnn_bf", dim)
        made.norm(f"decoder_l{layer}_rnn_ffn", dim)
        made.attention(f"decoder_l{layer}_context", dim)
        made.ffn(f"decoder_l{layer}", dim, shape.get("decoder_ffn") or ffn)
    return made, tables


# ---- The network, in float32


def position(p, dim):
    """sin(p * 10000^(-(c mod d/2)/(d/2 - 1)) + floor(c/(d/2)) * pi/2)"""
    column = np.arange(dim)
    half = dim // 2
    angle = p * 10000.0 ** (-(column % half) / (half - 1)) + (column // half) * (np.pi / 2)
    return np.sin(angle).astype(np.float32)


class Network:
    def __init__(self, shape, real, tables):
        self.shape, self.real, self.tables = shape, real, tables
        self.dim = shape["dim"]

    def linear(self, x, at, letter):
        """y = x W + b"""
        bias = self.real.get(f"{at}_b{letter}", np.float32(0))
        return x @ self.real[f"{at}_W{letter}"] + bias

    def norm(self, x, at):
        """Mean and biased variance over the columns, eps inside the root."""
        centred = x - x.mean(-1, keepdims=True)
        deviation = np.sqrt((centred**2).mean(-1, keepdims=True) + np.float32(1e-6))
        return centred / deviation * self.real[f"{at}_ln_scale"] + self.real[f"{at}_ln_bias"]

    def attend(self, at, queries, keys_and_values):
        """softmax(q k' / sqrt(head size)) v, head by head; then Wo, the residual and its norm."""
        q = self.linear(queries, at, "q")
        k, v = (self.linear(keys_and_values, at, letter) for letter in "kv")
        size = self.dim // HEADS
        heads = []
        for head in range(HEADS):
            columns = slice(head * size, (head + 1) * size)
            scores = q[:, columns] @ k[:, columns].T / np.float32(np.sqrt(size))
            exponents = np.exp(scores - scores.max(-1, keepdims=True))
            heads.append(exponents / exponents.sum(-1, keepdims=True) @ v[:, columns])
        attended = self.linear(np.concatenate(heads, -1), at, "o")
        return self.norm(queries + attended, f"{at}_Wo")

    def ffn(self, x, at):
        hidden = np.maximum(self.linear(x, f"{at}_ffn", "1"), 0)
        return self.norm(x + self.linear(hidden, f"{at}_ffn", "2"), f"{at}_ffn_ffn")

    def embed(self, table, token, p):
        return np.float32(np.sqrt(self.dim)) * self.real[table][token] + position(p, self.dim)

    def encode(self, ids):
        x = np.stack([self.embed(self.tables[0], token, p) for p, token in enumerate(ids)])
        for layer in range(1, self.shape["encoder"] + 1):
            x = self.attend(f"encoder_l{layer}_self", x, x)
            x = self.ffn(x, f"encoder_l{layer}")
        return x

    def decode(self, states):
        """Scores of each step; the start is a zero vector, the cell c = f c + (1 - f) W x, f = sigmoid(Wf x + bf)."""
        table = self.real[self.tables[-1]]
        cells = [np.zeros((1, self.dim), np.float32) for _ in range(self.shape["decoder"])]
        token, scores = None, []
        for p in range(STEPS):
            x = position(p, self.dim) if token is None else self.embed(self.tables[-1], token, p)
            x = x[None]
            for layer in range(1, self.shape["decoder"] + 1):
                at = f"decoder_l{layer}"
                forget = 1 / (1 + np.exp(-self.linear(x, f"{at}_rnn", "f")))
                cells[layer - 1] = forget * cells[layer - 1] + (1 - forget) * self.linear(x, f"{at}_rnn", "")
                x = self.norm(x + np.maximum(cells[layer - 1], 0), f"{at}_rnn_ffn")
                x = self.attend(f"{at}_context", x, states)
                x = self.ffn(x, at)
            scores.append((x @ table.T + self.real["decoder_ff_logit_out_b"])[0])
            token = int(scores[-1].argmax())
            if token == 0:
                break
        return scores


# ---- Lexical shortlist: candidates of the target for each id of the source


def shortlist(source_size, target_size, random):
    first = 8
    lists = [sorted(random.choice(np.arange(first, target_size), 4, replace=False)) for _ in range(source_size)]
    offsets = np.cumsum([0] + [len(ids) for ids in lists])
    ids = [int(i) for ids in lists for i in ids]
    head = struct.pack("<4Q", first, 4, len(offsets), len(ids))
    data = head + struct.pack(f"<{len(offsets)}Q", *offsets) + struct.pack(f"<{len(ids)}I", *ids)
    checksum = 0
    for at in range(0, len(data) // 8 * 8, 8):
        (word,) = struct.unpack_from("<Q", data, at)
        mixed = word + 0x9E3779B9 + (checksum << 6 & (1 << 64) - 1) + (checksum >> 2)
        checksum ^= mixed & (1 << 64) - 1
    return struct.pack("<QQ", 0xF11A48D5013417F5, checksum) + data


def make(shape):
    folder = OUT / shape["name"]
    folder.mkdir(parents=True, exist_ok=True)
    pair, sizes = shape["pair"], shape["vocab"]
    made, tables = weights(shape)
    (folder / f"model.{pair}.intgemm.alphas.bin").write_bytes(made.file(config(shape)))
    # A shared vocabulary is of both languages.
    words = [SOURCE_WORDS, TARGET_WORDS] if len(sizes) == 2 else [SOURCE_WORDS + TARGET_WORDS]
    names = ["srcvocab", "trgvocab"] if len(sizes) == 2 else ["vocab"]
    processors = []
    for name, vocabulary_words, size in zip(names, words, sizes):
        model = vocabulary(vocabulary_words, size)
        (folder / f"{name}.{pair}.spm").write_bytes(model)
        processors.append(sentencepiece.SentencePieceProcessor(model_proto=model))
    random = np.random.default_rng(shape["seed"])
    (folder / f"lex.50.50.{pair}.s2t.bin").write_bytes(shortlist(sizes[0], sizes[-1], random))

    network = Network(shape, made.real, tables)
    lines = []
    for text in TEXTS:
        ids = processors[0].encode(text) + [0]
        states = network.encode(ids)
        scores = network.decode(states)
        for step in scores:
            best = np.sort(step)[-2:]
            assert best[1] - best[0] > MARGIN, (shape["name"], text, best)
        greedy = [int(step.argmax()) for step in scores]
        output = [token for token in greedy if token != 0]
        round_all = lambda values: [round(float(value), 5) for value in values]
        lines.append(
            dict(
                text=text,
                source_ids=ids,
                encoder_first_position=round_all(states[0]),
                encoder_last_position=round_all(states[-1]),
                first_scores=round_all(scores[0]),
                last_scores=round_all(scores[-1]),
                greedy_ids=greedy,
                greedy_text=processors[-1].decode(output),
            )
        )
    (folder / "golden.json").write_text(
        "[\n" + ",\n".join(json.dumps(line, ensure_ascii=False) for line in lines) + "\n]\n", encoding="utf-8"
    )


if __name__ == "__main__":
    for each in SHAPES:
        make(each)
