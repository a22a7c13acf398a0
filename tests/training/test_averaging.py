import pytest
import torch
from torch import nn

from transformer_lib.optimizers import muon_and_adamw
from transformer_lib.training import MovingAverage, TrainConfig, random_windows, train
from transformer_lib.training.checkpoints import load_checkpoint

TOKENS = torch.randint(6, (300,), generator=torch.Generator().manual_seed(0))
OPTIMIZERS = {
    "SGD": lambda model: torch.optim.SGD(model.parameters(), lr=0.1),
    "AdamW": lambda model: torch.optim.AdamW(model.parameters(), lr=0.1),
    "Muon and AdamW": lambda model: muon_and_adamw(model, hidden=[model[2]]),
}


def build():
    torch.manual_seed(1)
    return nn.Sequential(nn.Embedding(6, 8), nn.Dropout(0.3), nn.Linear(8, 6))


def weights(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def run(name, decay, *, steps=20, seed=2, stop=None, **options):
    """Train for some steps, and return the model, its average, and the weights after each step."""
    model, generator, seen = build(), torch.Generator().manual_seed(seed), []
    optimizer = OPTIMIZERS[name](model)
    optimizer.register_step_post_hook(lambda *_: seen.append(weights(model)))
    average = MovingAverage(optimizer, decay)

    def batches():
        for number, batch in enumerate(random_windows(TOKENS, 5, 3, generator)):
            if number == stop:
                raise KeyboardInterrupt
            yield batch

    config = TrainConfig(steps=steps, checkpoint_every=6)
    train(model, batches(), config, optimizer=optimizer, generators={"data": generator}, **options)
    return model, average, seen


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("decay", [0.0, 0.5, 0.99])
def test_the_average_is_the_weighted_mean_of_the_weights_after_each_step(name, decay):
    model, average, seen = run(name, decay)
    share = torch.tensor([decay ** (len(seen) - 1 - i) for i in range(len(seen))], dtype=torch.float64)
    expected = (torch.stack(seen).double() * share[:, None]).sum(0) / share.sum()
    last = weights(model)
    assert torch.equal(last, seen[-1])
    with average.applied():
        torch.testing.assert_close(weights(model).double(), expected, rtol=0, atol=1e-6)
    assert torch.equal(weights(model), last)  # bit for bit


def test_averaging_does_not_change_the_training():
    averaged, _, _ = run("AdamW", 0.9)
    model, generator = build(), torch.Generator().manual_seed(2)
    optimizer = OPTIMIZERS["AdamW"](model)
    train(model, random_windows(TOKENS, 5, 3, generator), TrainConfig(steps=20), optimizer=optimizer)
    assert torch.equal(weights(model), weights(averaged))


def test_the_weights_come_back_even_after_an_error():
    model, average, seen = run("AdamW", 0.9)
    with pytest.raises(RuntimeError, match="evaluation failed"), average.applied():
        raise RuntimeError("evaluation failed")
    assert torch.equal(weights(model), seen[-1])


def test_before_the_first_step_the_weights_are_their_own_average():
    model = build()
    before = weights(model)
    with MovingAverage(torch.optim.SGD(model.parameters(), lr=0.1), 0.9).applied():
        assert torch.equal(weights(model), before)


def test_a_parameter_without_a_gradient_is_left_to_its_optimizer():
    used, unused = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    optimizer = torch.optim.AdamW([used, unused], lr=0.1)
    average = MovingAverage(optimizer, 0.5)
    used.grad = torch.ones(2)
    optimizer.step()
    unused.grad = torch.ones(2)  # AdamW must now find this one's state empty, to begin with
    optimizer.step()
    with average.applied():
        assert not torch.equal(unused, torch.ones(2))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_resumed_run_goes_on_with_its_average(name, tmp_path):
    model, average, _ = run(name, 0.9)
    with pytest.raises(KeyboardInterrupt):
        run(name, 0.9, stop=15, checkpoint=tmp_path / "run")
    again, average_again, seen = run(name, 0.9, seed=77, checkpoint=tmp_path / "run")
    assert len(seen) == 8  # the last checkpoint was after the twelfth step
    assert torch.equal(weights(again), weights(model))
    with average.applied(), average_again.applied():
        assert torch.equal(weights(again), weights(model))
    assert not torch.equal(weights(model), seen[0])


def test_a_checkpoint_without_an_average_is_refused(tmp_path):
    model, generator = build(), torch.Generator()
    config, batches = TrainConfig(steps=3), random_windows(TOKENS, 5, 3, generator)
    train(model, batches, config, checkpoint=tmp_path / "run", generators={"data": generator})
    optimizer = torch.optim.AdamW(model.parameters(), config.learning_rate)
    MovingAverage(optimizer, 0.9)
    with pytest.raises(ValueError, match=r"but \['average_decay', 'averaged'.*\] are only in one"):
        load_checkpoint(tmp_path / "run", model, optimizer, {"data": generator}, config=vars(config))


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_bad_decay(decay):
    with pytest.raises(ValueError, match=f"decay={decay} must be at least 0 and less than 1"):
        MovingAverage(torch.optim.SGD(build().parameters(), lr=0.1), decay)
