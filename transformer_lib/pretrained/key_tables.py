"""Whose tensor is whose: a row for each kind of tensor, their name and ours, {i} for the layer."""

from transformer_lib.pretrained.renaming import (
    SHARED,
    STACKED,
    STACKED_TRANSPOSED,
    TRANSPOSED,
    Row,
    neighbours_to_halves,
    table,
)

# GPT-2's linear maps are Conv1D, which keep (in, out); one of them makes queries, keys and values together.
GPT2_KEYS = table(
    ("transformer.wte.weight", "embedding.tokens.weight"),
    ("transformer.wpe.weight", "embedding.positions.table.weight"),
    ("transformer.h.{i}.ln_1.weight", "blocks.{i}.attention_residual.norm.weight"),
    ("transformer.h.{i}.ln_1.bias", "blocks.{i}.attention_residual.norm.bias"),
    (
        "transformer.h.{i}.attn.c_attn.weight",
        "blocks.{i}.attention.w_q.weight blocks.{i}.attention.w_k.weight blocks.{i}.attention.w_v.weight",
        STACKED_TRANSPOSED,
    ),
    (
        "transformer.h.{i}.attn.c_attn.bias",
        "blocks.{i}.attention.w_q.bias blocks.{i}.attention.w_k.bias blocks.{i}.attention.w_v.bias",
        STACKED,
    ),
    ("transformer.h.{i}.attn.c_proj.weight", "blocks.{i}.attention.w_o.weight", TRANSPOSED),
    ("transformer.h.{i}.attn.c_proj.bias", "blocks.{i}.attention.w_o.bias"),
    ("transformer.h.{i}.ln_2.weight", "blocks.{i}.feed_forward_residual.norm.weight"),
    ("transformer.h.{i}.ln_2.bias", "blocks.{i}.feed_forward_residual.norm.bias"),
    ("transformer.h.{i}.mlp.c_fc.weight", "blocks.{i}.feed_forward.up.weight", TRANSPOSED),
    ("transformer.h.{i}.mlp.c_fc.bias", "blocks.{i}.feed_forward.up.bias"),
    ("transformer.h.{i}.mlp.c_proj.weight", "blocks.{i}.feed_forward.down.weight", TRANSPOSED),
    ("transformer.h.{i}.mlp.c_proj.bias", "blocks.{i}.feed_forward.down.bias"),
    ("transformer.ln_f.weight", "norm.weight"),
    ("transformer.ln_f.bias", "norm.bias"),
    ("lm_head.weight", "head.weight"),
)

LLAMA_KEYS = table(
    ("model.embed_tokens.weight", "embedding.tokens.weight"),
    ("model.layers.{i}.input_layernorm.weight", "blocks.{i}.attention_residual.norm.weight"),
    ("model.layers.{i}.self_attn.q_proj.weight", "blocks.{i}.attention.w_q.weight"),
    ("model.layers.{i}.self_attn.k_proj.weight", "blocks.{i}.attention.w_k.weight"),
    ("model.layers.{i}.self_attn.v_proj.weight", "blocks.{i}.attention.w_v.weight"),
    ("model.layers.{i}.self_attn.o_proj.weight", "blocks.{i}.attention.w_o.weight"),
    ("model.layers.{i}.post_attention_layernorm.weight", "blocks.{i}.feed_forward_residual.norm.weight"),
    ("model.layers.{i}.mlp.gate_proj.weight", "blocks.{i}.feed_forward.gate.weight"),
    ("model.layers.{i}.mlp.up_proj.weight", "blocks.{i}.feed_forward.up.weight"),
    ("model.layers.{i}.mlp.down_proj.weight", "blocks.{i}.feed_forward.down.weight"),
    ("model.norm.weight", "norm.weight"),
    ("lm_head.weight", "head.weight"),
)


def llama_gguf_keys(n_heads: int, n_kv_heads: int, *, tied: bool) -> list[Row]:
    """The names that LLaMA's tensors have in a GGUF file; tied, the embedding is the head too."""
    shared = table(("token_embd.weight", "embedding.tokens.weight head.weight", SHARED))
    apart = table(("token_embd.weight", "embedding.tokens.weight"), ("output.weight", "head.weight"))
    return (shared if tied else apart) + table(
        ("blk.{i}.attn_norm.weight", "blocks.{i}.attention_residual.norm.weight"),
        ("blk.{i}.attn_q.weight", "blocks.{i}.attention.w_q.weight", neighbours_to_halves(n_heads)),
        ("blk.{i}.attn_k.weight", "blocks.{i}.attention.w_k.weight", neighbours_to_halves(n_kv_heads)),
        ("blk.{i}.attn_v.weight", "blocks.{i}.attention.w_v.weight"),
        ("blk.{i}.attn_output.weight", "blocks.{i}.attention.w_o.weight"),
        ("blk.{i}.ffn_norm.weight", "blocks.{i}.feed_forward_residual.norm.weight"),
        ("blk.{i}.ffn_gate.weight", "blocks.{i}.feed_forward.gate.weight"),
        ("blk.{i}.ffn_up.weight", "blocks.{i}.feed_forward.up.weight"),
        ("blk.{i}.ffn_down.weight", "blocks.{i}.feed_forward.down.weight"),
        ("output_norm.weight", "norm.weight"),
    )


# The layers of BERT, without the head: encoders of sentences have these and another head, or none.
BERT_ENCODER_KEYS = table(
    ("embeddings.word_embeddings.weight", "embedding.tokens.weight"),
    ("embeddings.position_embeddings.weight", "embedding.positions.table.weight"),
    ("embeddings.token_type_embeddings.weight", "embedding.segments.weight"),
    *(
        (f"{theirs}.{kind}", f"{ours}.{kind}")
        for theirs, ours in (
            ("embeddings.LayerNorm", "embedding.norm"),
            ("encoder.layer.{i}.attention.self.query", "blocks.{i}.attention.w_q"),
            ("encoder.layer.{i}.attention.self.key", "blocks.{i}.attention.w_k"),
            ("encoder.layer.{i}.attention.self.value", "blocks.{i}.attention.w_v"),
            ("encoder.layer.{i}.attention.output.dense", "blocks.{i}.attention.w_o"),
            ("encoder.layer.{i}.attention.output.LayerNorm", "blocks.{i}.attention_residual.norm"),
            ("encoder.layer.{i}.intermediate.dense", "blocks.{i}.feed_forward.up"),
            ("encoder.layer.{i}.output.dense", "blocks.{i}.feed_forward.down"),
            ("encoder.layer.{i}.output.LayerNorm", "blocks.{i}.feed_forward_residual.norm"),
        )
        for kind in ("weight", "bias")
    ),
)

BERT_KEYS = [row._replace(theirs=f"bert.{row.theirs}") for row in BERT_ENCODER_KEYS] + table(
    ("cls.predictions.transform.dense.weight", "head.transform.weight"),
    ("cls.predictions.transform.dense.bias", "head.transform.bias"),
    ("cls.predictions.transform.LayerNorm.weight", "head.norm.weight"),
    ("cls.predictions.transform.LayerNorm.bias", "head.norm.bias"),
    ("cls.predictions.decoder.weight", "head.vocabulary.weight"),
    ("cls.predictions.decoder.bias", "head.vocabulary.bias"),
    ("cls.predictions.bias", "head.vocabulary.bias"),
)
