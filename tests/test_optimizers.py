import copy

import pytest
import torch
from torch import nn

from transformer_lib.feed_forward import FeedForward
from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.models.llama import LlamaConfig, llama
from transformer_lib.optimizers import (
    COEFFICIENTS,
    ChainedOptimizer,
    Muon,
    decay_groups,
    linear_weights,
    muon_and_adamw,
    newton_schulz,
)
from transformer_lib.training import TrainConfig, random_windows, train

SHAPES = [(5, 5), (3, 8), (8, 3), (1, 4), (4, 1)]


def randn(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def named(model, parameters):
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {names[id(parameter)] for parameter in parameters}


def tiny():
    return gpt(
        GPTConfig(vocab_size=6, context_length=8, d_model=8, n_heads=2, n_layers=1, d_ff=16),
        torch.Generator().manual_seed(0),
    )


# --- Newton-Schulz, against the singular value decomposition -----------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("steps", [0, 1, 5])
def test_newton_schulz_acts_on_the_singular_values_alone(shape, steps):
    matrix = randn(*shape)
    u, s, vh = torch.linalg.svd(matrix / matrix.norm(), full_matrices=False)
    a, b, c = COEFFICIENTS
    for _ in range(steps):
        s = a * s + b * s**3 + c * s**5
    torch.testing.assert_close(newton_schulz(matrix, steps), (u * s) @ vh, rtol=0, atol=1e-6)


@pytest.mark.parametrize("shape", [(32, 32), (16, 64), (64, 16)])
def test_newton_schulz_comes_near_the_polar_factor(shape):
    """The nearest matrix with orthonormal rows or columns; float32, as in training."""
    matrix = randn(*shape, dtype=torch.float32)
    u, s, vh = torch.linalg.svd(matrix, full_matrices=False)
    assert s.min() / matrix.norm() > 0.002
    result = newton_schulz(matrix)
    values = torch.linalg.svdvals(result)
    assert values.min() > 0.68 and values.max() < 1.21
    cosine = (result * (u @ vh)).sum() / (result.norm() * (u @ vh).norm())
    assert cosine > 0.97 > (matrix * (u @ vh)).sum() / (matrix.norm() * (u @ vh).norm())


@pytest.mark.parametrize("shape", SHAPES)
def test_several_matrices_at_once_are_each_of_them(shape):
    matrices = randn(3, *shape)
    together = newton_schulz(matrices)
    for one, each in zip(together, matrices, strict=True):
        torch.testing.assert_close(one, newton_schulz(each))


def test_nothing_stays_nothing():
    assert torch.equal(newton_schulz(torch.zeros(3, 4)), torch.zeros(3, 4))


# --- Muon --------------------------------------------------------------------------------------------------------


def steps(optimizer_class, weight, gradients, **options):
    parameter = nn.Parameter(weight.clone())
    optimizer = optimizer_class([parameter], **options)
    for gradient in gradients:
        parameter.grad = gradient.clone()
        optimizer.step()
    return parameter.detach()


@pytest.mark.parametrize("shape", SHAPES)
def test_three_steps_of_muon_by_hand(shape):
    weight, (g1, g2, g3) = randn(*shape), randn(3, *shape, seed=1)
    lr, mu, decay = 0.1, 0.9, 0.5
    scale = max(1.0, shape[0] / shape[1]) ** 0.5
    expected = weight
    for look_ahead in (g1 + mu * g1, g2 + mu * (g2 + mu * g1), g3 + mu * (g3 + mu * g2 + mu**2 * g1)):
        expected = (1 - lr * decay) * expected - lr * scale * newton_schulz(look_ahead)
    moved = steps(Muon, weight, (g1, g2, g3), lr=lr, momentum=mu, weight_decay=decay)
    torch.testing.assert_close(moved, expected)


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this PyTorch has no Muon to compare with")
@pytest.mark.parametrize("shape", [(16, 16), (8, 32), (32, 8)])
def test_muon_is_pytorchs_but_for_its_rounding(shape):
    """PyTorch's iterates in bfloat16, which keeps 8 bits: two or three decimals of a step."""
    weight, gradients = randn(*shape, dtype=torch.float32), randn(8, *shape, seed=1, dtype=torch.float32)
    options = {"lr": 0.1, "momentum": 0.95, "weight_decay": 0.1}
    ours, theirs = (steps(optimizer, weight, gradients, **options) for optimizer in (Muon, torch.optim.Muon))
    assert (ours - theirs).norm() < 0.02 * (ours - weight).norm()
    rounded = steps(Muon, weight, gradients, **options, dtype=torch.bfloat16)
    assert rounded.dtype == torch.float32 and not torch.equal(rounded, ours)
    assert (rounded - theirs).norm() < 0.02 * (ours - weight).norm()


@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
def test_matrices_of_one_shape_move_as_each_would_alone(dtype):
    weights, gradients = randn(4, 6, 5, dtype=torch.float32), randn(4, 6, 5, seed=1, dtype=torch.float32)
    together = [nn.Parameter(weight.clone()) for weight in weights] + [nn.Parameter(randn(5, 6).float())]
    optimizer = Muon(together, lr=0.1, weight_decay=0.1, dtype=dtype)
    for parameter, gradient in zip(together, [*gradients, randn(5, 6, seed=2).float()], strict=True):
        parameter.grad = gradient.clone()
    optimizer.step()
    for parameter, weight, gradient in zip(together, weights, gradients, strict=False):
        alone = steps(Muon, weight, [gradient], lr=0.1, weight_decay=0.1, dtype=dtype)
        torch.testing.assert_close(parameter.detach(), alone, rtol=0, atol=2e-3 if dtype else 1e-6)


def test_a_matrix_without_a_gradient_is_left_alone():
    moved, still = nn.Parameter(randn(3, 3)), nn.Parameter(randn(3, 3, seed=1))
    optimizer = Muon([moved, still], weight_decay=0.1)
    moved.grad = randn(3, 3, seed=2)
    optimizer.step()
    assert torch.equal(still, randn(3, 3, seed=1)) and not torch.equal(moved, randn(3, 3))
    assert still not in optimizer.state


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lr": -1.0}, "lr=-1.0 must be"),
        ({"momentum": 1.0}, "momentum=1.0 must be"),
        ({"weight_decay": -1.0}, "decay="),
    ],
)
def test_bad_settings(options, message):
    with pytest.raises(ValueError, match=message):
        Muon([nn.Parameter(torch.zeros(2, 2))], **options)
    with pytest.raises(ValueError, match=r"one of shape \(2,\): Muon is for matrices"):
        Muon([nn.Parameter(torch.zeros(2))])


# --- who gets what -----------------------------------------------------------------------------------------------

MATRICES = {
    "blocks.0.attention.w_q.weight", "blocks.0.attention.w_k.weight", "blocks.0.attention.w_v.weight",
    "blocks.0.attention.w_o.weight", "blocks.0.feed_forward.up.weight", "blocks.0.feed_forward.down.weight",
}  # fmt: skip


def test_matrices_decay_and_the_rest_does_not():
    model = tiny()
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer = torch.optim.AdamW(decay_groups(model, 0.1), lr=0.5)
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(before)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()  # with no gradient, only the decay moves anything
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, before[name] * (0.95 if name in MATRICES else 1.0)), name


def test_a_shared_weight_is_an_embedding_and_a_frozen_one_is_nobodys():
    model = tiny()
    assert model.head.weight is model.embedding.tokens.weight
    assert named(model, linear_weights(model)) == MATRICES
    model.blocks[0].attention.w_q.weight.requires_grad_(False)
    decay, rest = decay_groups(model, 0.1)
    assert named(model, decay["params"]) == MATRICES - {"blocks.0.attention.w_q.weight"}
    assert "blocks.0.attention.w_q.weight" not in named(model, rest["params"])


def test_muon_gets_the_hidden_matrices_and_adamw_the_rest():
    model = nn.ModuleDict({"embedding": nn.Embedding(5, 4), "hidden": nn.Linear(4, 4), "output": nn.Linear(4, 5)})
    optimizer = muon_and_adamw(model, muon_lr=0.3, adamw_lr=0.1, weight_decay=0.2, hidden=[model["hidden"]])
    found = [(named(model, group["params"]), group["lr"], group["weight_decay"]) for group in optimizer.param_groups]
    assert found == [
        ({"hidden.weight"}, 0.3, 0.2),
        ({"output.weight"}, 0.1, 0.2),
        ({"embedding.weight", "hidden.bias", "output.bias"}, 0.1, 0.0),
    ]


def test_muon_gets_only_what_a_module_has_named():
    """A router is a linear layer like any other, and a stack of experts is no matrix: neither is Muon's by accident."""

    class Mixture(nn.Module):
        def __init__(self):
            super().__init__()
            self.router = nn.Linear(4, 3)
            self.stack = nn.Parameter(torch.zeros(3, 4, 4))
            self.experts = nn.ModuleList(FeedForward(4, 8) for _ in range(3))

    model = tiny()
    model.blocks[0].feed_forward = Mixture()
    muon, *_ = muon_and_adamw(model).param_groups
    inside = {f"blocks.0.feed_forward.experts.{i}.{side}.weight" for i in range(3) for side in ("up", "down")}
    assert named(model, muon["params"]) == {name for name in MATRICES if "attention" in name} | inside
    everyone = [parameter for group in muon_and_adamw(model).param_groups for parameter in group["params"]]
    assert len(everyone) == len(list(model.parameters()))


@pytest.mark.parametrize("tied", [True, False])
def test_an_output_layer_is_not_between_hidden_states(tied):
    sizes = {"vocab_size": 9, "context_length": 4, "d_model": 4, "n_layers": 1, "n_heads": 1, "d_ff": 8}
    model = llama(LlamaConfig(tied=tied, **sizes))
    muon, matrices, _ = muon_and_adamw(model, weight_decay=0.1).param_groups
    assert len(muon["params"]) == 7 and all(weight is not model.head.weight for weight in muon["params"])
    assert named(model, matrices["params"]) == (set() if tied else {"head.weight"})


def test_a_model_that_names_no_hidden_matrix_is_told_how():
    with pytest.raises(ValueError, match=r"model=Sequential names no hidden matrix: .*hidden=\[…\].*hidden_maps"):
        muon_and_adamw(two_layers())


# --- two as one --------------------------------------------------------------------------------------------------


def gradients_of(model, seed):
    for index, parameter in enumerate(model.parameters()):
        parameter.grad = randn(*parameter.shape, seed=100 * seed + index, dtype=torch.float32)


def chained_and_apart(model):
    hidden, others = [model[0].weight], [model[0].bias, *model[1].parameters()]
    return Muon(hidden, lr=0.1), torch.optim.AdamW(others, lr=0.2)


def two_layers():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 2))


def test_chained_optimizers_step_as_each_would():
    model, twin = two_layers(), two_layers()
    chained, apart = ChainedOptimizer(*chained_and_apart(model)), chained_and_apart(twin)
    for seed in range(3):
        gradients_of(model, seed)
        gradients_of(twin, seed)
        chained.param_groups[0]["lr"] = apart[0].param_groups[0]["lr"] = 0.1 / (seed + 1)
        chained.step()
        for optimizer in apart:
            optimizer.step()
    for ours, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    chained.zero_grad()
    assert all(parameter.grad is None for parameter in model.parameters())


def test_chained_optimizers_go_on_from_their_state():
    model = two_layers()
    chained = ChainedOptimizer(*chained_and_apart(model))
    gradients_of(model, 0)
    chained.step()
    chained.param_groups[0]["lr"] = 0.05
    twin, state = copy.deepcopy(model), copy.deepcopy(chained.state_dict())
    other = ChainedOptimizer(*chained_and_apart(twin))
    other.load_state_dict(state)
    for seed in (1, 2):
        for each, optimizer in ((model, chained), (twin, other)):
            gradients_of(each, seed)
            optimizer.param_groups[1]["lr"] = 0.3 / seed  # the groups that are shown are those that are used
            optimizer.step()
    for ours, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_optimizers_may_be_chained_after_their_first_step():
    model, twin = two_layers(), two_layers()
    parts, apart = chained_and_apart(model), chained_and_apart(twin)
    for seed in (0, 1):
        gradients_of(model, seed)
        gradients_of(twin, seed)
        for optimizer in [ChainedOptimizer(*parts)] if seed else parts:
            optimizer.step()
        for optimizer in apart:
            optimizer.step()
    for ours, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_parameter_cannot_have_two_optimizers():
    model = two_layers()
    with pytest.raises(ValueError, match="more than one parameter group"):
        ChainedOptimizer(Muon([model[0].weight]), torch.optim.AdamW(model.parameters()))


@pytest.mark.parametrize(
    "make", [lambda model: Muon(linear_weights(model)), lambda model: muon_and_adamw(model, hidden=model)]
)
def test_a_closure_is_evaluated_once_and_with_gradients(make):
    model, calls = two_layers(), []

    def closure():
        loss = model(torch.ones(1, 4)).square().sum()
        loss.backward()
        calls.append(loss.item())
        return loss.item()

    before = model[0].weight.detach().clone()
    assert make(model).step(closure) == calls[0] and len(calls) == 1
    assert not torch.equal(model[0].weight, before)


def test_a_gpt_is_trained_by_both_and_taken_up_from_its_checkpoint(tmp_path):
    tokens = torch.randint(6, (200,), generator=torch.Generator().manual_seed(0))

    def run(steps_before_stop=30, **options):
        model, generator = tiny(), torch.Generator().manual_seed(1)
        batches = random_windows(tokens, 8, 4, generator)

        def stopping():
            for number, batch in enumerate(batches):
                if number == steps_before_stop:
                    raise KeyboardInterrupt
                yield batch

        optimizer = muon_and_adamw(model, weight_decay=0.1)
        config = TrainConfig(steps=30, log_every=10, checkpoint_every=8)
        generators = {"data": generator}
        history = train(model, stopping(), config, optimizer=optimizer, generators=generators, **options)
        return model, optimizer, history

    whole, optimizer, history = run()
    assert history[-1]["loss"] < history[0]["loss"]
    with pytest.raises(KeyboardInterrupt):
        run(20, checkpoint=tmp_path / "run")
    again, optimizer_again, history_again = run(checkpoint=tmp_path / "run")
    assert history_again == history
    for ours, theirs in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    state, state_again = optimizer.state_dict()["state"], optimizer_again.state_dict()["state"]
    assert state.keys() == state_again.keys() and len(state) == len(list(whole.parameters()))
    for index, entries in state.items():
        assert entries.keys() == state_again[index].keys()
        assert all(torch.equal(value, state_again[index][name]) for name, value in entries.items())
