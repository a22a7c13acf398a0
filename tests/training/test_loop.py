import json
import math
import os
import random
import signal
import subprocess
import sys

import interrupted_run
import pytest
import torch
from torch import nn

from transformer_lib.optimizers import muon_and_adamw
from transformer_lib.schedules import constant, warmup_cosine
from transformer_lib.training import BucketedPairs, TrainConfig, random_windows, train

WARM = warmup_cosine(6, warmup=2)
TOKENS = torch.randint(6, (300,), generator=torch.Generator().manual_seed(0))


def model_with_dropout():
    """Dropout draws from PyTorch's global generator, which a run must save as well."""
    torch.manual_seed(1)
    return nn.Sequential(nn.Embedding(6, 8), nn.Dropout(0.3), nn.Linear(8, 6))


def run(model, *, steps=40, batches=None, seed=2, **options):
    generator = torch.Generator().manual_seed(seed)
    return train(
        model,
        random_windows(TOKENS, 5, 3, generator) if batches is None else batches(generator),
        TrainConfig(steps=steps, learning_rate=0.01, weight_decay=0.1, max_norm=0.5, log_every=7, checkpoint_every=5),
        schedule=warmup_cosine(steps, warmup=6),
        generators={"data": generator},
        **options,
    )


def weights(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def killed_at(step):
    def batches(generator):
        for number, batch in enumerate(random_windows(TOKENS, 5, 3, generator)):
            if number == step:
                raise KeyboardInterrupt
            yield batch

    return batches


# --- one step, by hand -------------------------------------------------------------------------------------------


def test_one_step_of_gradient_descent():
    model = nn.Embedding(3, 3).double()
    nn.init.zeros_(model.weight)
    batch = (torch.tensor([[0, 1]]), torch.tensor([[1, 2]]))
    history = train(model, [batch], TrainConfig(steps=1), optimizer=torch.optim.SGD(model.parameters(), lr=0.6))
    assert [(entry["step"], entry["loss"]) for entry in history] == [(1, pytest.approx(math.log(3)))]
    # The gradient of a mean of two losses is (p - y) / 2 in each row that was used.
    expected = torch.tensor([[-0.1, 0.2, -0.1], [-0.1, -0.1, 0.2], [0, 0, 0]], dtype=torch.float64)
    torch.testing.assert_close(model.weight.detach(), expected)


def test_long_gradients_are_shortened():
    batch = (torch.tensor([[0]]), torch.tensor([[1]]))
    moved = []
    for max_norm in (None, 0.1):
        model = nn.Embedding(3, 3).double()
        nn.init.zeros_(model.weight)
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        train(model, [batch], TrainConfig(steps=1, max_norm=max_norm), optimizer=optimizer)
        moved.append(model.weight.detach().clone())
    assert moved[0].norm().item() == pytest.approx(math.sqrt(6) / 3)
    assert moved[1].norm().item() == pytest.approx(0.1, rel=1e-4)
    torch.testing.assert_close(moved[1] / moved[1].norm(), moved[0] / moved[0].norm())


def test_the_loop_equals_one_written_out():
    model, twin = model_with_dropout(), model_with_dropout()
    torch.manual_seed(3)
    history = run(model, steps=12)
    torch.manual_seed(3)
    embedding, _, linear = twin
    rest = {"params": [embedding.weight, linear.bias], "weight_decay": 0.0}
    optimizer = torch.optim.AdamW([{"params": [linear.weight], "weight_decay": 0.1}, rest], lr=0.01)
    schedule = warmup_cosine(12, warmup=6)
    windows = random_windows(TOKENS, 5, 3, torch.Generator().manual_seed(2))
    losses = []
    for step, (inputs, targets) in zip(range(12), windows, strict=False):
        for group in optimizer.param_groups:
            group["lr"] = 0.01 * schedule(step)
        loss = nn.functional.cross_entropy(twin(inputs).transpose(1, 2), targets)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(twin.parameters(), 0.5)
        optimizer.step()
        losses.append(loss.item())
    torch.testing.assert_close(weights(model), weights(twin))
    assert [entry["step"] for entry in history] == [7, 12]
    assert [entry["loss"] for entry in history] == pytest.approx([sum(losses[:7]) / 7, sum(losses[7:]) / 5])
    assert [entry["learning_rate"] for entry in history] == pytest.approx([0.01 * schedule(6), 0.01 * schedule(11)])


def test_accumulated_batches_are_one_large_batch():
    """With double precision, so that only a difference in what is computed could show."""

    def trained(batch_size, **options):
        model = nn.Sequential(nn.Embedding(6, 8), nn.Linear(8, 6)).double()
        model.load_state_dict(start)
        generator = torch.Generator().manual_seed(2)
        batches = random_windows(TOKENS, 5, batch_size, generator)
        config = TrainConfig(steps=9, learning_rate=0.1, max_norm=0.05, log_every=3, **options)
        return model, train(model, batches, config)

    start = nn.Sequential(nn.Embedding(6, 8), nn.Linear(8, 6)).double().state_dict()
    (large, history), (small, history_of_parts) = trained(12), trained(3, accumulate=4)
    torch.testing.assert_close(weights(small), weights(large), rtol=0, atol=1e-12)
    for entry, entry_of_parts in zip(history, history_of_parts, strict=True):
        assert entry_of_parts == pytest.approx(entry, rel=1e-12)
    assert not torch.allclose(weights(trained(3)[0]), weights(large), atol=1e-3)


def test_each_parameter_group_keeps_its_own_rate_under_the_schedule():
    model = model_with_dropout()
    optimizer = torch.optim.SGD(
        [{"params": model[0].parameters(), "lr": 1.0}, {"params": model[2].parameters()}], lr=3.0
    )
    batches = random_windows(TOKENS, 5, 3, torch.Generator())
    train(model, batches, TrainConfig(steps=4), optimizer=optimizer, schedule=lambda step: 1 / (step + 1))
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.75]


def test_validation_and_modes_and_a_loss_of_ones_own():
    model = model_with_dropout().eval()
    seen = []

    def validate(model):
        seen.append(weights(model))
        return float(len(seen))

    history = run(model, steps=10, validate=validate, loss=lambda model, batch: model(batch[0]).square().mean())
    assert [entry["validation"] for entry in history] == [1.0, 2.0]
    assert torch.equal(seen[1], weights(model)) and not model.training
    assert weights(model).norm() < weights(model_with_dropout()).norm()  # the loss pulled the outputs towards zero


def test_progress_is_silent_unless_asked_for(capsys):
    run(model_with_dropout(), steps=8)
    silent = capsys.readouterr()
    run(model_with_dropout(), steps=8, progress=True)
    shown = capsys.readouterr()
    assert silent.out + silent.err + shown.out == ""
    assert "8/8" in shown.err and "loss=" in shown.err


def test_the_log_is_the_history_line_by_line(tmp_path):
    lines = []

    def validate(model):
        lines.append((tmp_path / "a" / "log").read_text() if lines else "")
        return 0.5

    history = run(model_with_dropout(), steps=20, log=tmp_path / "a" / "log", validate=validate)
    assert [json.loads(line) for line in (tmp_path / "a" / "log").read_text().splitlines()] == history
    assert [text.count("\n") for text in lines] == [0, 1, 2]  # it grows while the run goes on


# --- stopping and going on ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [3, 5, 18, 39])  # before the first checkpoint, on one, between two, at the last step
def test_an_interrupted_run_goes_on_bit_for_bit(step, tmp_path):
    whole, resumed = model_with_dropout(), model_with_dropout()
    torch.manual_seed(9)
    history = run(whole)
    torch.manual_seed(9)
    with pytest.raises(KeyboardInterrupt):
        run(resumed, batches=killed_at(step), checkpoint=tmp_path / "run.safetensors")
    if step >= 5:  # else there is nothing to go on from, and the run starts anew
        fresh = model_with_dropout()
        torch.manual_seed(12345)
        history_again = run(fresh, seed=777, checkpoint=tmp_path / "run.safetensors")
        assert torch.equal(weights(fresh), weights(whole))
        assert history_again == history
    else:
        assert not (tmp_path / "run.safetensors").exists()


def test_pairs_go_on_from_their_place_without_being_named(tmp_path):
    pairs = [([k % 5] * (1 + k % 3), [k % 4] * (1 + k % 3)) for k in range(40)]

    def trained(kill_at=-1, seed=0, **options):
        def loss(model, batch):
            seen.append(batch[0].tolist())
            if len(seen) == kill_at:
                raise KeyboardInterrupt
            return nn.functional.cross_entropy(model(batch[0]).flatten(0, 1), batch[1].flatten())

        seen, model = [], model_with_dropout()
        batches = BucketedPairs(pairs, torch.Generator().manual_seed(seed), pad=5, batch_size=4)
        config = TrainConfig(steps=30, checkpoint_every=7)
        return seen, model, train(model, batches, config, loss=loss, **options)

    seen, whole, history = trained()
    with pytest.raises(KeyboardInterrupt):
        trained(kill_at=18, checkpoint=tmp_path / "run", generators={})
    seen_again, resumed, history_again = trained(seed=7, checkpoint=tmp_path / "run", generators={})
    assert seen_again == seen[14:]
    assert torch.equal(weights(resumed), weights(whole)) and history_again == history


def test_a_finished_run_is_not_run_again(tmp_path):
    model, again = model_with_dropout(), model_with_dropout()
    history = run(model, checkpoint=tmp_path / "run")
    assert run(again, batches=killed_at(0), checkpoint=tmp_path / "run") == history
    assert torch.equal(weights(model), weights(again))


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL does not exist there")
def test_killed_again_and_again_a_run_ends_as_if_it_had_not_been(tmp_path):
    """Killed from outside, at whatever it is doing then; all that a run leaves is compared, byte for byte."""
    command = [sys.executable, interrupted_run.__file__, str(tmp_path / "killed")]
    steps = sorted(random.Random(0).sample(range(interrupted_run.STEPS), 6))
    killed = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as runs:
        for step in [*steps, None]:
            print(file=runs.stdin, flush=True)  # start a process
            for line in runs.stdout:
                process, done = line.split()
                if done == "gone":
                    break
                if step is not None and int(done) >= step and process not in killed:
                    os.kill(int(process), signal.SIGKILL)
                    killed.append(process)
                elif step is None and int(done) == interrupted_run.STEPS:
                    print(file=runs.stdin, flush=True)  # let it go
        runs.stdin.close()
    assert runs.returncode == 0 and len(killed) == len(steps)
    interrupted_run.main(tmp_path / "whole", lambda step: None)
    for file in ("checkpoint", "log", "model/model.safetensors", "average/model.safetensors"):
        assert (tmp_path / "killed" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes(), file


# --- bad input ---------------------------------------------------------------------------------------------------


def test_a_checkpoint_of_another_run_is_refused_and_changes_nothing(tmp_path):
    run(model_with_dropout(), checkpoint=tmp_path / "run")
    model = model_with_dropout()
    before = weights(model)
    with pytest.raises(ValueError, match=r"is of a run with steps=40, schedule=.*, not steps=41, schedule=.*: set it"):
        run(model, steps=41, checkpoint=tmp_path / "run")
    assert torch.equal(weights(model), before)


@pytest.mark.parametrize(
    ("setting", "build"),
    [
        ("batches.batch_size=3, not batches.batch_size=4", lambda make: make(batch_size=4)),
        ("batches.length=5, not batches.length=6", lambda make: make(length=6)),
        ("batches.text=.*, not batches.text=", lambda make: make(tokens=TOKENS.flip(0))),
        ("schedule=.*, not schedule=", lambda make: make(schedule=constant)),
        ("optimizer.0.momentum=0.95, not optimizer.0.momentum=0.5", lambda make: make(momentum=0.5)),
        ("optimizer.0.initial_lr=0.02, not optimizer.0.initial_lr=0.03", lambda make: make(muon_lr=0.03)),
        ("optimizer.1.betas=.*, not optimizer.1.betas=", lambda make: make(betas=(0.5, 0.6))),
        ("precision='float32', not precision='bfloat16'", lambda make: make(precision="bfloat16")),
    ],
)
def test_a_run_resumed_with_another_setting_is_refused_by_its_name_or_goes_on_with_it(setting, build, tmp_path):
    def make(
        tokens=TOKENS,
        length=5,
        batch_size=3,
        schedule=WARM,
        precision="float32",
        changed=(),
        **of,
    ):
        model = model_with_dropout()
        optimizer = muon_and_adamw(model, hidden=[model[2]], **of)
        history = train(
            model,
            random_windows(tokens, length, batch_size, generator := torch.Generator().manual_seed(0)),
            TrainConfig(steps=6),
            optimizer=optimizer,
            schedule=schedule,
            precision=precision,
            generators={"data": generator},
            checkpoint=tmp_path / "run",
            changed=changed,
        )
        return optimizer, history

    make()
    with pytest.raises(ValueError, match=f"is of a run with {setting}"):
        build(make)
    name = setting.split("=")[0]
    for changed in [name.split(".")[0]] + [name] * ("betas" not in name):  # betas are those of two groups
        optimizer, history = build(lambda changed=changed, **of: make(changed=[changed], **of))
        assert len(history) == 1
        if "momentum" in setting:
            assert optimizer.param_groups[0]["momentum"] == 0.5


def test_a_run_can_be_made_longer(tmp_path):
    run(model_with_dropout(), checkpoint=tmp_path / "run")
    history = run(model_with_dropout(), steps=47, checkpoint=tmp_path / "run", changed=["steps", "schedule"])
    assert history[-1]["step"] == 47


def test_generators_must_be_named_with_a_checkpoint(tmp_path):
    with pytest.raises(ValueError, match="generators must be named with a checkpoint"):
        train(model_with_dropout(), [], TrainConfig(steps=1), checkpoint=tmp_path / "run")


def test_batches_come_to_the_model_and_the_model_to_the_device():
    seen = []

    def loss(model, batch):
        seen.append({x.device.type for x in batch} | {p.device.type for p in model.parameters()})
        return model(batch[0]).sum()

    with pytest.raises((RuntimeError, NotImplementedError)):  # the meta device has no number for the history
        train(nn.Embedding(3, 3), [(torch.zeros(1, 2).long(),) * 2], TrainConfig(steps=1), loss=loss, device="meta")
    with pytest.raises((RuntimeError, NotImplementedError)):
        train(nn.Embedding(3, 3).to("meta"), [(torch.zeros(1, 2).long(),) * 2], TrainConfig(steps=1), loss=loss)
    assert seen == [{"meta"}, {"meta"}]


def test_precision_is_that_of_the_products():
    model, seen = nn.Sequential(nn.Embedding(6, 8), nn.Linear(8, 6)), []
    model[1].register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    batch = (torch.tensor([[0, 1]]), torch.tensor([[1, 2]]))
    for precision in ("float32", "bfloat16"):
        train(model, [batch], TrainConfig(steps=1), precision=precision)
    assert seen == [torch.float32, torch.bfloat16] and model[1].weight.dtype == torch.float32
    with pytest.raises(ValueError, match="precision='half' must be one of float32, bfloat16"):
        train(model, [batch], TrainConfig(steps=1), precision="half")


def test_a_learning_rate_that_is_a_tensor_follows_the_schedule():
    model = nn.Embedding(3, 3)
    rate = torch.tensor(0.5)
    history = train(
        model,
        [(torch.tensor([[0]]), torch.tensor([[1]]))] * 2,
        TrainConfig(steps=2, log_every=1),
        optimizer=torch.optim.SGD(model.parameters(), lr=rate),
        schedule=lambda step: 1 / (step + 1),
    )
    assert [entry["learning_rate"] for entry in history] == [0.5, 0.25]
    json.dumps(history)


def test_batches_that_end_early():
    batch = (torch.tensor([[0]]), torch.tensor([[1]]))
    with pytest.raises(ValueError, match="batches ended after 3 of steps=5"):
        train(model_with_dropout(), [batch] * 3, TrainConfig(steps=5))
    with pytest.raises(ValueError, match="batches ended after 1 of steps=2"):
        train(model_with_dropout(), [batch] * 3, TrainConfig(steps=2, accumulate=2))


def test_a_loss_that_is_no_number_stops_the_run():
    model = model_with_dropout()
    nn.init.constant_(model[2].bias, math.nan)
    with pytest.raises(FloatingPointError, match="the loss is nan at step 0"):
        run(model)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 0),
        ("accumulate", 0),
        ("log_every", 0),
        ("checkpoint_every", -1),
        ("learning_rate", 0.0),
        ("max_norm", -1.0),
        ("weight_decay", -0.1),
    ],
)
def test_bad_settings(name, value):
    with pytest.raises(ValueError, match=f"{name}={value} must be"):
        TrainConfig(**{"steps": 1, name: value})


def test_a_checkpoint_of_other_generators_is_refused(tmp_path):
    run(model_with_dropout(), checkpoint=tmp_path / "run")
    with pytest.raises(ValueError, match=r"generators=\['noise'\] must be those in .*run, \['data'\]"):
        train(
            model_with_dropout(),
            [],
            TrainConfig(steps=40, learning_rate=0.01, weight_decay=0.1, max_norm=0.5, log_every=7, checkpoint_every=5),
            schedule=warmup_cosine(40, warmup=6),
            checkpoint=tmp_path / "run",
            generators={"noise": torch.Generator()},
        )
