"""Generation equals transformers' on the same weights, with and without beams, and the slow way without a cache."""

import inspect
import itertools

import pytest
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel, MarianConfig, MarianMTModel

from transformer_lib import generation
from transformer_lib.architectures import Embedding, EncoderDecoder, LanguageModel
from transformer_lib.attention import MultiHeadAttention
from transformer_lib.block import Block, PostNorm
from transformer_lib.feed_forward import FeedForward
from transformer_lib.generation import beam_search, generate, generate_tokens, length_penalty_of
from transformer_lib.masks import padding_mask
from transformer_lib.models.transformer import TransformerConfig, transformer
from transformer_lib.norms import LayerNorm
from transformer_lib.positions import LearnedPositions
from transformer_lib.pretrained.hugging_face import gpt2_from_hf
from transformer_lib.sampling import penalize_repetition

PAD, BOS, EOS, V, D, MOST = 0, 1, 2, 15, 16, 10


def shared_models(seed: int) -> tuple[MarianMTModel, EncoderDecoder]:
    """A tiny random Marian, a post-norm encoder-decoder, and ours with its weights; both in float64."""
    torch.manual_seed(seed)
    config = MarianConfig(
        vocab_size=V,
        d_model=D,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=24,
        decoder_ffn_dim=24,
        max_position_embeddings=16,
        activation_function="relu",
        scale_embedding=True,
        dropout=0.0,
        init_std=0.6,  # far from uniform, so that beams differ
        pad_token_id=PAD,
        eos_token_id=EOS,
        bos_token_id=BOS,
        decoder_start_token_id=BOS,
        forced_eos_token_id=None,
        tie_word_embeddings=False,  # tied, a random model repeats its input
        attn_implementation="eager",
    )
    theirs = MarianMTModel(config).double().eval()
    with torch.no_grad():  # so that what is written changes from place to place, and sometimes ends
        for stack in (theirs.model.encoder, theirs.model.decoder):
            stack.embed_positions.weight.normal_(std=5.0)
        theirs.final_logits_bias[:, EOS] = 2.0

    def block(cross: bool) -> Block:
        def attention() -> MultiHeadAttention:
            return MultiHeadAttention(D, 4)

        return Block(
            attention(), FeedForward(D, 24, nn.ReLU()), lambda: PostNorm(LayerNorm(D)), attention() if cross else None
        )

    def embedding() -> Embedding:
        return Embedding(nn.Embedding(V, D), LearnedPositions(16, D), scaled=True)

    head = nn.Linear(D, V)
    ours = EncoderDecoder(
        embedding(), [block(False) for _ in range(2)], embedding(), [block(True) for _ in range(2)], head
    ).double()
    attention = {"w_q": "q_proj", "w_k": "k_proj", "w_v": "v_proj", "w_o": "out_proj"}
    names = {f"attention.{a}": f"self_attn.{b}" for a, b in attention.items()}
    names |= {f"cross_attention.{a}": f"encoder_attn.{b}" for a, b in attention.items()}
    names |= {"feed_forward.up": "fc1", "feed_forward.down": "fc2", "attention_residual.norm": "self_attn_layer_norm"}
    names |= {"cross_residual.norm": "encoder_attn_layer_norm", "feed_forward_residual.norm": "final_layer_norm"}
    inner = theirs.model
    weights = {"head.weight": theirs.lm_head.weight, "head.bias": theirs.final_logits_bias[0]}
    for side, stack, name in (("source", inner.encoder, "encoder"), ("target", inner.decoder, "decoder")):
        weights[f"{side}_embedding.tokens.weight"] = stack.embed_tokens.weight
        weights[f"{side}_embedding.positions.table.weight"] = stack.embed_positions.weight
        for (layer, their_layer), (a, b) in itertools.product(enumerate(stack.layers), names.items()):
            if name == "decoder" or not a.startswith("cross"):
                module = their_layer.get_submodule(b)
                weights[f"{name}.{layer}.{a}.weight"] = module.weight
                weights[f"{name}.{layer}.{a}.bias"] = module.bias
    ours.load_state_dict(weights)
    return theirs, ours.eval()


def sources(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(3, V, (5, 7), generator=generator)
    lengths = torch.tensor([7, 4, 6, 1, 5])
    return tokens.masked_fill(torch.arange(7) >= lengths[:, None], PAD), lengths


SETTINGS = [(1, 1.0), *itertools.product((2, 5), (0.0, 1.0, -0.5))]


@pytest.mark.parametrize(("seed", "beams", "exponent"), [(seed, *setting) for seed in (5, 7) for setting in SETTINGS])
def test_it_writes_what_transformers_writes_with_the_same_weights(seed, beams, exponent, monkeypatch):
    """Theirs divides by the length to the power of the exponent; so does ours, for the time of this test."""
    monkeypatch.setattr(generation, "length_penalty_of", lambda length, exponent: length**exponent)
    theirs, ours = shared_models(seed)
    tokens, lengths = sources(seed)
    mask = padding_mask(lengths, 7)
    target = torch.randint(3, V, (5, 4))
    theirs_logits = theirs(tokens, attention_mask=mask[:, 0, 0].long(), decoder_input_ids=target).logits
    torch.testing.assert_close(ours(tokens, target, source_mask=mask), theirs_logits)
    searching = {"length_penalty": exponent, "early_stopping": "never"} if beams > 1 else {}
    expected = theirs.generate(
        tokens,
        attention_mask=mask[:, 0, 0].long(),
        num_beams=beams,
        num_return_sequences=beams,
        max_new_tokens=MOST,
        do_sample=False,
        bad_words_ids=[[PAD]],
        return_dict_in_generate=True,
        output_scores=True,
        **searching,
    )
    found = beam_search(
        ours, tokens, beams=beams, length_penalty=exponent, max_length=MOST, bos=BOS, eos=EOS, source_mask=mask, pad=PAD
    )
    written = expected.sequences[:, 1:].unflatten(0, (5, beams)).tolist()
    for row, hypotheses in enumerate(found):
        assert [h.tokens for h in hypotheses] == [[t for t in y if t not in (PAD, EOS)] for y in written[row]]
    if beams > 1:
        scores = torch.tensor([[h.score for h in row] for row in found])  # theirs are kept in float32
        torch.testing.assert_close(scores.flatten(), expected.sequences_scores)
    written_lengths = {len(h.tokens) for row in found for h in row}
    assert len(written_lengths) > 1, "all of one length: ending was not put to the test"


def small(seed: int = 0, vocab_size: int = 6) -> EncoderDecoder:
    torch.manual_seed(seed)
    config = TransformerConfig(vocab_size=vocab_size, d_model=8, n_layers=1, n_heads=2, d_ff=16, dropout=0.0)
    model = transformer(config).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2.0)
    return model


def log_probability(model: EncoderDecoder, source: torch.Tensor, written: list[int]) -> float:
    """ln p by one pass over the whole, without cache or beams."""
    prefix = torch.tensor([[BOS, *written[:-1]]])
    nats = model(source, prefix).log_softmax(dim=-1)[0]
    return float(nats[torch.arange(len(written)), torch.tensor(written)].detach().sum())


EXPONENTS = pytest.mark.parametrize("exponent", [0.0, 0.6, 2.0, -1.0])


@EXPONENTS
def test_with_enough_beams_it_ranks_all_sequences_that_there_are(exponent):
    model, source = small(vocab_size=4), torch.tensor([[3, 0, 3]])
    most, others = 3, (0, 1, 3)
    ended = [(*y, EOS) for n in range(most) for y in itertools.product(others, repeat=n)]
    cut_off = list(itertools.product(others, repeat=most))
    scores = {y: log_probability(model, source, list(y)) / ((5 + len(y)) / 6) ** exponent for y in ended + cut_off}
    ranking = sorted(scores, key=scores.__getitem__, reverse=True)
    (found,) = beam_search(model, source, beams=64, length_penalty=exponent, max_length=most, bos=BOS, eos=EOS)
    assert [h.tokens for h in found] == [[token for token in y if token != EOS] for y in ranking]
    assert [h.score for h in found] == pytest.approx([scores[y] for y in ranking])


def searched_to_the_end(model, source, beams, exponent, most) -> list[list[int]]:
    """A beam search of one source that never stops before `most`, and keeps no cache."""
    alive, finished = [((), 0.0)], []
    for length in range(1, most + 1):
        logits = model(source.expand(len(alive), -1), torch.tensor([[BOS, *tokens] for tokens, _ in alive]))
        nats = logits[:, -1].log_softmax(dim=-1).tolist()
        longer = [((*y, v), log_p + nats[i][v]) for i, (y, log_p) in enumerate(alive) for v in range(model.vocab_size)]
        best = sorted(longer, key=lambda one: -one[1])[: 2 * beams]
        ended = [y[-1] == EOS or length == most for y, _ in best]
        for (y, log_p), end in zip(best[:beams], ended, strict=False):
            finished += [(y, log_p / ((5 + length) / 6) ** exponent)] if end else []
        alive = [one for one, end in zip(best, ended, strict=True) if not end][:beams]
    ranking = sorted(finished, key=lambda one: -one[1])[:beams]
    return [[token for token in y if token != EOS] for y, _ in ranking]


@EXPONENTS
@pytest.mark.parametrize("seed", range(4))
def test_stopping_early_loses_nothing(seed, exponent):
    model = small(seed, vocab_size=10)
    with torch.no_grad():
        model.head.weight[EOS] *= 2  # so that much ends before the last step
    for row in sources(seed)[0].clamp(max=9):
        (found,) = beam_search(model, row[None], beams=3, length_penalty=exponent, max_length=9, bos=BOS, eos=EOS)
        assert [h.tokens for h in found] == searched_to_the_end(model, row[None], 3, exponent, 9)


def test_a_source_that_is_done_leaves_the_batch(monkeypatch):
    _, model = shared_models(5)
    with torch.no_grad():
        model.head.bias[EOS] += 4  # so that most is said early
    tokens, lengths = sources(5)
    decode, at_once = model.decode, []

    def counted(last, *rest, **named):
        at_once.append(len(last))
        return decode(last, *rest, **named)

    monkeypatch.setattr(model, "decode", counted)
    beam_search(model, tokens, beams=3, max_length=14, bos=BOS, eos=EOS, source_mask=padding_mask(lengths, 7))
    assert at_once[:2] == [5, 15], "of each source at first one prefix, then three"
    assert at_once[1:] == sorted(at_once[1:], reverse=True) and at_once[-1] < 15
    assert len(at_once) < 14


def test_a_hypothesis_carries_its_own_score():
    model, source = small(1), torch.tensor([[3, 4, 5, 3]])
    (found,) = beam_search(model, source, beams=3, length_penalty=0.6, max_length=6, bos=BOS, eos=EOS)
    assert len(found) == 3 and len({tuple(h.tokens) for h in found}) == 3
    for tokens, score, nats in found:
        written = tokens if len(tokens) == 6 else [*tokens, EOS]
        assert nats == pytest.approx(log_probability(model, source, written))
        assert score == pytest.approx(nats / length_penalty_of(len(written), 0.6))
    assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)


def test_a_batch_changes_nothing():
    model = small(2, vocab_size=12)
    tokens, lengths = sources(3)
    tokens = tokens.clamp(max=11)
    together = beam_search(model, tokens, max_length=8, bos=BOS, eos=EOS, source_mask=padding_mask(lengths, 7))
    for row, length in enumerate(lengths.tolist()):
        (alone,) = beam_search(model, tokens[row : row + 1, :length], max_length=8, bos=BOS, eos=EOS)
        assert [h.tokens for h in alone] == [h.tokens for h in together[row]]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"beams": 0}, "beams=0 must be at least 1"),
        ({"max_length": 0}, "max_length=0 must be at least 1"),
    ],
)
def test_bad_settings_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        beam_search(small(), torch.tensor([[3]]), **{"max_length": 4, "bos": BOS, "eos": EOS, "beams": 2, **wrong})


# --- a language model's continuations ----------------------------------------------------------------------------


def tiny_gpt(seed: int = 0) -> tuple[GPT2LMHeadModel, LanguageModel]:
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=V, n_positions=12, n_embd=D, n_layer=2, n_head=4, initializer_range=0.5, bos_token_id=BOS,
        eos_token_id=None, pad_token_id=PAD, attn_implementation="eager",
    )  # fmt: skip
    theirs = GPT2LMHeadModel(config).double().eval()
    return theirs, gpt2_from_hf(theirs).eval()


PROMPTS = torch.tensor([[3, 4, 5], [6, 7, 8], [9, 3, 14]])


def uncached(model: LanguageModel, tokens: torch.Tensor, new: int) -> torch.Tensor:
    """Greedy, by reading the last context_length tokens anew at each step."""
    for _ in range(new):
        tokens = torch.cat((tokens, model(tokens[:, -12:])[:, -1:].argmax(dim=-1)), dim=1)
    return tokens


def test_greedy_with_a_cache_equals_greedy_without_and_transformers():
    theirs, ours = tiny_gpt()
    written = generate(ours, PROMPTS, 9, temperature=0)
    assert torch.equal(written, uncached(ours, PROMPTS, 9))
    assert torch.equal(written, theirs.generate(PROMPTS, max_new_tokens=9, do_sample=False))


@pytest.mark.parametrize("settings", [{}, {"temperature": 0.7, "top_k": 5}, {"temperature": 1.3, "top_p": 0.8}])
def test_the_same_draws_give_the_samples_of_transformers(settings):
    theirs, ours = tiny_gpt(1)
    torch.manual_seed(5)
    expected = theirs.generate(PROMPTS, max_new_tokens=9, do_sample=True, **{"top_k": 0, **settings})
    assert torch.equal(generate(ours, PROMPTS, 9, generator=torch.Generator().manual_seed(5), **settings), expected)


def test_past_the_context_the_window_slides():
    _, ours = tiny_gpt(2)
    written = generate(ours, PROMPTS, 20, temperature=0)
    assert written.shape == (3, 23)
    assert torch.equal(written, uncached(ours, PROMPTS, 20))


def test_prompts_of_different_lengths_are_continued_as_if_alone():
    _, ours = tiny_gpt(3)
    lengths = torch.tensor([2, 3, 1])
    together = generate(ours, PROMPTS, 5, temperature=0, lengths=lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = generate(ours, PROMPTS[row : row + 1, :length], 8 - length, temperature=0)
        assert torch.equal(together[row : row + 1], alone)


def test_a_row_stops_at_a_stop_token_and_the_batch_when_all_have():
    _, ours = tiny_gpt(4)
    free = generate(ours, PROMPTS, 9, temperature=0)
    stop = {int(free[0, 5]), int(free[1, 4]), int(free[2, 6])}
    ended = generate(ours, PROMPTS, 9, temperature=0, stop=stop)
    ends = [next(c for c in range(3, 12) if int(row[c]) in stop) for row in free]
    assert ended.shape[1] == max(ends) + 1
    for row, end in enumerate(ends):
        assert torch.equal(ended[row, : end + 1], free[row, : end + 1])
        assert set(ended[row, end:].tolist()) == {int(free[row, end])}


def test_generate_is_the_sum_of_the_tokens_that_are_yielded():
    _, ours = tiny_gpt(5)
    settings = {"temperature": 0.9, "top_k": 7, "lengths": torch.tensor([2, 3, 1])}
    whole = generate(ours, PROMPTS, 6, generator=torch.Generator().manual_seed(3), **settings)
    columns = generate_tokens(ours, PROMPTS, 6, generator=torch.Generator().manual_seed(3), **settings)
    for place, column in enumerate(columns, start=1):
        assert torch.equal(column, whole[:, place])
        assert not torch.is_inference_mode_enabled() and not column.is_inference()
    assert place == whole.shape[1] - 1


def test_a_token_is_yielded_before_the_next_is_computed(monkeypatch):
    _, ours = tiny_gpt()
    steps, forward = [], LanguageModel.forward
    monkeypatch.setattr(LanguageModel, "forward", lambda *args, **named: steps.append(1) or forward(*args, **named))
    columns = generate_tokens(ours, PROMPTS, 9, temperature=0)
    assert not steps
    next(columns)
    assert len(steps) == 1


def test_repetition_is_penalized_with_the_prompt_in_view():
    _, ours = tiny_gpt(6)
    expected = PROMPTS
    for _ in range(9):
        logits = penalize_repetition(ours(expected)[:, -1], expected, 1.5)
        expected = torch.cat((expected, logits.argmax(dim=-1, keepdim=True)), dim=1)
    assert torch.equal(generate(ours, PROMPTS, 9, temperature=0, repetition_penalty=1.5), expected)
    assert not torch.equal(generate(ours, PROMPTS, 9, temperature=0), expected)


def test_prompts_may_be_lists_and_a_stop_one_token():
    _, ours = tiny_gpt(3)
    alone = generate(ours, PROMPTS[:1], 5, temperature=0)
    assert torch.equal(generate(ours, PROMPTS[0].tolist(), 5, temperature=0), alone)
    ragged = generate(ours, [[3, 4], [6, 7, 8], [9]], 5, temperature=0)
    assert torch.equal(ragged, generate(ours, PROMPTS, 5, temperature=0, lengths=torch.tensor([2, 3, 1])))
    stop = int(alone[0, 4])
    assert torch.equal(
        generate(ours, PROMPTS[:1], 5, temperature=0, stop=stop),
        generate(ours, PROMPTS[:1], 5, temperature=0, stop=[stop]),
    )


def test_a_model_in_training_mode_is_refused():
    _, ours = tiny_gpt()
    with pytest.raises(ValueError, match=r"model is in training mode.*call model.eval\(\)"):
        generate(ours.train(), PROMPTS, 3)
    with pytest.raises(ValueError, match="model is in training mode"):
        generate_tokens(ours, PROMPTS, 3)  # at once, not when the first token is asked for


def test_a_prompt_without_a_batch_names_the_shape_to_use():
    with pytest.raises(ValueError, match=r"prompt of shape \(3,\) must be \(B, T\): prompt\[None\]"):
        inspect.unwrap(generation._as_batch)(tiny_gpt()[1], PROMPTS[0], None)


@pytest.mark.parametrize(
    ("prompt", "new", "lengths", "message"),
    [
        (PROMPTS, 0, None, "max_new_tokens=0 must be at least 1"),
        (PROMPTS[:, :0], 3, None, r"must be in 1..T=0"),
        (PROMPTS, 3, [1, 4, 2], r"lengths=\[1, 4, 2\] must be in 1..T=3"),
    ],
)
def test_bad_prompts_are_refused(prompt, new, lengths, message):
    lengths = None if lengths is None else torch.tensor(lengths)
    with pytest.raises(ValueError, match=message):
        generate(tiny_gpt()[1], prompt, new, lengths=lengths)
