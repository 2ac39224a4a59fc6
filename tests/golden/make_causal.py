"""Writes small instruction models as GGUF, one folder a family, each with its golden vectors.

    pip install torch transformers gguf numpy
    python tests/golden/make_causal.py          # writes tests/golden/causal/

The networks are those of the package `transformers` with random weights from fixed seeds, in float32 on the CPU;
golden logits and tokens are what it computes, each prompt by itself. Names and layouts of the tensors are
llama.cpp's: the rows of Llama's queries and keys in the order in which neighbours turn together, Gemma's norms with
the one added.
"""

import json
from pathlib import Path

import gguf
import numpy as np
import torch
import transformers as hf

OUT = Path(__file__).parent / "causal"
STEPS, BEAM = 12, 4
VOCAB = 64
PIECES = ["<unk>", "<s>", "</s>"] + ["\u2581"] + [chr(c) for c in range(ord("A"), ord("A") + VOCAB - 4)]
# Of unequal lengths, one longer than Gemma's window.
PROMPTS = [[5, 9, 33], [1, 17, 4, 60, 22, 8, 8, 41, 30, 12, 55, 6, 19], [7]]
# The two best scores of a step lie at least so far apart, that rounding cannot change the choice.
MARGIN = 1e-3

CHAT_TEMPLATE = (
    "{% for message in messages %}<s>{{ message['role'] }} {{ message['content'] | trim }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<s>assistant {% endif %}"
)

COMMON = dict(
    vocab_size=VOCAB, hidden_size=32, intermediate_size=32, max_position_embeddings=64, rms_norm_eps=1e-5,
    bos_token_id=1, eos_token_id=2, pad_token_id=0, attn_implementation="eager",
)
MODELS = {
    "gemma3": (hf.Gemma3ForCausalLM, hf.Gemma3TextConfig, dict(
        num_hidden_layers=6, num_attention_heads=2, num_key_value_heads=1, head_dim=16, query_pre_attn_scalar=16,
        sliding_window=4, rope_parameters={
            "full_attention": {"rope_type": "default", "rope_theta": 1e6},
            "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
        },
        layer_types=["sliding_attention"] * 5 + ["full_attention"], tie_word_embeddings=True,
    )),
    "qwen2": (hf.Qwen2ForCausalLM, hf.Qwen2Config, dict(
        num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=16,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6}, tie_word_embeddings=True,
    )),
    "qwen3": (hf.Qwen3ForCausalLM, hf.Qwen3Config, dict(
        num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=16,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6}, tie_word_embeddings=False,
    )),
    "llama": (hf.LlamaForCausalLM, hf.LlamaConfig, dict(
        hidden_size=48, num_hidden_layers=2, num_attention_heads=6, num_key_value_heads=2, head_dim=16,
        rope_parameters={"rope_type": "default", "rope_theta": 1e5}, tie_word_embeddings=False,
    )),
}
LAYER = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
}


def tensor_name(family, name):
    stem, kind = name.rsplit(".", 1)
    if stem == "model.embed_tokens":
        return f"token_embd.{kind}"
    if stem in ("model.norm", "lm_head"):
        return {"model.norm": "output_norm", "lm_head": "output"}[stem] + f".{kind}"
    _, _, layer, part = stem.split(".", 3)
    after_attention = "post_attention_norm" if family == "gemma3" else "ffn_norm"
    other = {"post_attention_layernorm": after_attention, "pre_feedforward_layernorm": "ffn_norm",
             "post_feedforward_layernorm": "post_ffw_norm"}
    return f"blk.{layer}.{LAYER.get(part) or other[part]}.{kind}"


def neighbours(rows, heads):
    """Rows of each head in halves to rows in pairs."""
    width = rows.shape[0] // heads
    order = np.arange(width).reshape(2, width // 2).T.reshape(-1)
    return rows.reshape(heads, width, -1)[:, order].reshape(rows.shape)


def write(family, model, path):
    config = model.config
    writer = gguf.GGUFWriter(path, family)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    if family == "gemma3":
        writer.add_rope_freq_base(config.rope_parameters["full_attention"]["rope_theta"])
        writer.add_sliding_window(config.sliding_window)
    else:
        writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_tokenizer_model("llama")
    writer.add_token_list(PIECES)
    writer.add_token_scores([-float(at) for at in range(VOCAB)])
    writer.add_token_types([2, 3, 3] + [1] * (VOCAB - 3))
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    if family == "qwen3":
        writer.add_chat_template(CHAT_TEMPLATE)
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        values = tensor.detach().numpy().astype(np.float32)
        if family == "gemma3" and "norm" in name:
            values = values + 1
        if family == "llama" and ".q_proj." in name:
            values = neighbours(values, config.num_attention_heads)
        if family == "llama" and ".k_proj." in name:
            values = neighbours(values, config.num_key_value_heads)
        writer.add_tensor(tensor_name(family, name), np.ascontiguousarray(values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def logits_of(model, ids):
    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0, -1]


def greedy(model, prompt):
    """Tokens, and the logits of the first and the last step; none where two scores are too near."""
    ids, steps = list(prompt), []
    for _ in range(STEPS):
        logits = logits_of(model, ids)
        best = torch.topk(logits, 2)
        if best.values[0] - best.values[1] < MARGIN:
            return None
        steps.append([round(float(x), 6) for x in logits])
        ids.append(int(best.indices[0]))
    return {"prompt": prompt, "tokens": ids[len(prompt):], "first_logits": steps[0], "last_logits": steps[-1]}


def beam(model, prompt):
    """The best of BEAM hypotheses by the sum of log-probabilities, none of which ends; None if too near."""
    hypotheses = [(0.0, [])]
    for _ in range(STEPS):
        extended = []
        for score, tokens in hypotheses:
            logs = torch.log_softmax(logits_of(model, prompt + tokens), dim=-1)
            logs[2] = -float("inf")
            best = torch.topk(logs, BEAM + 1)
            extended += [(score + float(l), tokens + [int(t)]) for l, t in zip(best.values, best.indices)]
        extended.sort(key=lambda hypothesis: -hypothesis[0])
        if any(a[0] - b[0] < MARGIN / 4 for a, b in zip(extended[:BEAM], extended[1 : BEAM + 1])):
            return None
        hypotheses = extended[:BEAM]
    return {"tokens": hypotheses[0][1], "score": round(hypotheses[0][0], 5)}


def main():
    for family, (network, configuration, sizes) in MODELS.items():
        folder = OUT / family
        folder.mkdir(parents=True, exist_ok=True)
        for seed in range(10_000):
            torch.manual_seed(seed)
            model = network(configuration(**{**COMMON, **sizes})).eval()
            with torch.no_grad():
                for name, parameter in model.named_parameters():
                    # Large enough for distinct scores; norms near what they are in trained networks.
                    scale = 0.2 if "norm" in name or name.endswith("bias") else 0.25
                    noise = torch.randn(parameter.shape) * scale
                    parameter.copy_(parameter + noise if "norm" in name else noise)
            answers = [greedy(model, prompt) for prompt in PROMPTS]
            if not all(answers):
                continue
            beams = [beam(model, prompt) for prompt in PROMPTS]
            if all(beams):
                break
        for answer, best in zip(answers, beams):
            answer["beam4_without_end"] = best
        write(family, model, folder / f"{family}.gguf")
        (folder / "golden.json").write_text(json.dumps(answers))
        print(family, "seed", seed, (folder / f"{family}.gguf").stat().st_size, answers[1]["tokens"])


if __name__ == "__main__":
    main()
