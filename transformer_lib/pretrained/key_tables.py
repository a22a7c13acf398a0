"""Whose tensor is whose: a row for each kind of tensor, their name and ours, {i} for the layer."""

from transformer_lib.pretrained.renaming import (
    SHARED,
    STACKED,
    STACKED_TRANSPOSED,
    STACKED_WITHOUT_KEYS,
    TRANSPOSED,
    Row,
    neighbours_to_halves,
    prefixed,
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
    """The names that LLaMA's tensors have in a GGUF file; tied, the embedding is the head too.

    Args:
        n_heads: Query heads.
        n_kv_heads: Key/value heads.
        tied: Whether the head is the embedding's matrix.
    """
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

BERT_KEYS = prefixed(BERT_ENCODER_KEYS, theirs="bert.") + table(
    ("cls.predictions.transform.dense.weight", "head.transform.weight"),
    ("cls.predictions.transform.dense.bias", "head.transform.bias"),
    ("cls.predictions.transform.LayerNorm.weight", "head.norm.weight"),
    ("cls.predictions.transform.LayerNorm.bias", "head.norm.bias"),
    ("cls.predictions.decoder.weight", "head.vocabulary.weight"),
    ("cls.predictions.decoder.bias", "head.vocabulary.bias"),
    ("cls.predictions.bias", "head.vocabulary.bias"),
)

BERT_PRE_TRAINING_KEYS = prefixed(BERT_KEYS, ours="masked.") + table(
    ("bert.pooler.dense.weight", "next_sentence.pooler.weight"),
    ("bert.pooler.dense.bias", "next_sentence.pooler.bias"),
    ("cls.seq_relationship.weight", "next_sentence.classes.weight"),
    ("cls.seq_relationship.bias", "next_sentence.classes.bias"),
)


def _whisper_side(side: str) -> list[Row]:
    """Rows of the encoder's blocks in a file of CTranslate2, which are also in the decoder's."""
    there, here = f"{side}/layer_{{i}}", f"{side}.{{i}}"
    of_kinds = [
        (f"{there}/self_attention/linear_1", f"{here}.attention.w_o"),
        (f"{there}/ffn/linear_0", f"{here}.feed_forward.up"),
        (f"{there}/ffn/linear_1", f"{here}.feed_forward.down"),
    ]
    norms = [
        (f"{there}/self_attention/layer_norm", f"{here}.attention_residual.norm"),
        (f"{there}/ffn/layer_norm", f"{here}.feed_forward_residual.norm"),
        (f"{side}/layer_norm", f"{side}_norm"),
    ]
    q, k, v = (f"{here}.attention.w_{part}" for part in "qkv")
    return table(
        (f"{there}/self_attention/linear_0/weight", f"{q}.weight {k}.weight {v}.weight", STACKED),
        (f"{there}/self_attention/linear_0/bias", f"{q}.bias {v}.bias", STACKED_WITHOUT_KEYS),
        *((f"{theirs}/{kind}", f"{ours}.{kind}") for theirs, ours in of_kinds for kind in ("weight", "bias")),
        *((f"{theirs}/gamma", f"{ours}.weight") for theirs, ours in norms),
        *((f"{theirs}/beta", f"{ours}.bias") for theirs, ours in norms),
    )


WHISPER_KEYS = (
    _whisper_side("encoder")
    + _whisper_side("decoder")
    + table(
        ("encoder/conv1/weight", "source_embedding.conv1.weight"),
        ("encoder/conv1/bias", "source_embedding.conv1.bias"),
        ("encoder/conv2/weight", "source_embedding.conv2.weight"),
        ("encoder/conv2/bias", "source_embedding.conv2.bias"),
        ("encoder/position_encodings/encodings", "source_embedding.positions.table.weight"),
        ("decoder/embeddings/weight", "target_embedding.tokens.weight head.weight", SHARED),
        ("decoder/position_encodings/encodings", "target_embedding.positions.table.weight"),
        ("decoder/layer_{i}/attention/linear_0/weight", "decoder.{i}.cross_attention.w_q.weight"),
        ("decoder/layer_{i}/attention/linear_0/bias", "decoder.{i}.cross_attention.w_q.bias"),
        (
            "decoder/layer_{i}/attention/linear_1/weight",
            "decoder.{i}.cross_attention.w_k.weight decoder.{i}.cross_attention.w_v.weight",
            STACKED,
        ),
        ("decoder/layer_{i}/attention/linear_1/bias", "decoder.{i}.cross_attention.w_v.bias", STACKED_WITHOUT_KEYS),
        ("decoder/layer_{i}/attention/linear_2/weight", "decoder.{i}.cross_attention.w_o.weight"),
        ("decoder/layer_{i}/attention/linear_2/bias", "decoder.{i}.cross_attention.w_o.bias"),
        ("decoder/layer_{i}/attention/layer_norm/gamma", "decoder.{i}.cross_residual.norm.weight"),
        ("decoder/layer_{i}/attention/layer_norm/beta", "decoder.{i}.cross_residual.norm.bias"),
    )
)
