"""BERT with both of its heads, in and out: BertForPreTraining of the transformers library."""

from dataclasses import replace
from typing import Any

from transformer_lib.models.bert import BertForPreTraining, bert_for_pre_training
from transformer_lib.pretrained.hugging_face import BERT, _from_hf, _require_class, _require_tied, _to_hf, bert_config
from transformer_lib.pretrained.renaming import table

FAMILY = replace(
    BERT,
    theirs="BertForPreTraining",
    build=bert_for_pre_training,
    keys=[row._replace(ours=tuple(f"masked.{name}" for name in row.ours)) for row in BERT.keys]
    + table(
        ("bert.pooler.dense.weight", "next_sentence.pooler.weight"),
        ("bert.pooler.dense.bias", "next_sentence.pooler.bias"),
        ("cls.seq_relationship.weight", "next_sentence.classes.weight"),
        ("cls.seq_relationship.bias", "next_sentence.classes.bias"),
    ),
)


def bert_for_pre_training_from_hf(model: Any) -> BertForPreTraining:
    """Make a BERT with both heads of a BertForPreTraining, with its weights, dtype, device and mode.

    Args:
        model: As loaded; it is left alone.

    Raises:
        TypeError: If it is another class.
        ValueError: If it has an option that is not built here, or a tensor that has no place.
    """
    _require_class(FAMILY, model)
    _require_tied(model)
    return _from_hf(FAMILY, model)


def bert_for_pre_training_to_hf(model: BertForPreTraining) -> Any:
    """Make a BertForPreTraining of a BERT with both heads, with its weights, dtype, device and mode.

    Args:
        model: What `bert_for_pre_training` builds; it is left alone.

    Raises:
        ValueError: If it is made of other parts.
    """
    return _to_hf(FAMILY, model, bert_config(model.masked))
