"""What training does on one GPU, in one command that ends inside 7 minutes.

    python benchmarks/gpu.py [--seconds 400] [--out DIR] [--parts card,waits,...] [--tiny]

The parts that decide come first. Each runs in a process of its own, which is ended when its time is up, so that one
that fails or hangs costs only itself; the processes are forks of one that has imported torch. Every number is written
to DIR/gpu.jsonl as soon as it is known, one line of JSON with the part, what was measured, the value and the second.
Without a GPU, `--tiny` runs every part that can run on a CPU, with tiny settings: to see that it runs.

Peers are measured on the same card in the same run: a bare loop, the loop of torchvision's references (which asks for
the loss in every step), and timm's and Lightning's where they are installed. The peak and the bandwidth are measured
too, and so are our steps one by one, compiled and as a captured graph.
"""

import argparse
import contextlib
import functools
import importlib.util
import io
import json
import multiprocessing
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest import mock

os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # as the command `tema9` does, before torch is imported

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # the package may not be installed here
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
os.environ["MPLBACKEND"] = "agg"
START = time.time()


def note(what: str, value: object) -> None:
    """Print a result, and write it where it stays if the next part is the last."""
    second = round(time.time() - START, 1)
    print(f"[{second:6.1f} s] {what}: {value}", flush=True)
    line = {"part": A.part, "what": what, "value": value, "second": second}
    with Path(A.out, "gpu.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, default=str) + "\n")
        file.flush()


def sync():
    if CUDA:
        torch.cuda.synchronize()


def timed(function, repeats=5, inner=1):
    """The median of the seconds of a call, after two that warm up; `inner` calls are timed together."""
    found = []
    for _ in range(2):
        function()
    for _ in range(1 if A.tiny else repeats):
        sync()
        started = time.perf_counter()
        for _ in range(inner):
            function()
        sync()
        found.append((time.perf_counter() - started) / inner)
    return statistics.median(found)


def pixels(count, side=None):
    """Images of noise; only the first 128 differ, since noise takes longer to draw than to copy."""
    some = torch.randint(256, (min(count, 128), 3, side or SIDE, side or SIDE), dtype=torch.uint8)
    return some.repeat(-(-count // len(some)), 1, 1, 1)[:count]


def made(images, classes=None):
    """The images as a set whose validation costs next to nothing."""
    classes = classes or CLASSES
    few = Split(images[torch.arange(min(8, len(images)))], torch.arange(min(8, len(images))) % classes)
    return Data("made", tuple(map(str, range(classes))), Split(images, torch.arange(len(images)) % classes), few, few)


def recipe_of(name, batch, epochs):
    side = layer_table(name).input_shape[1]
    known = recipes.BY_ARCHITECTURE.get(name, recipes.DECK)
    return replace(known, batch_size=batch, epochs=epochs, learning_rate=1e-4, crop=None if side == SIDE else side)


def chosen(**how):
    return machine.choose(str(DEVICE), "bfloat16" if CUDA else "float32", **how)


WAYS = {"one by one": {}, "as a graph": {"graph": True}, "compiled": {"compile": True}}


def ours(name, data, recipe, way="one by one"):
    """Images a second of the training loop, the best epoch after the first, which warms up; or why there are none."""
    if way == "compiled" and A.tiny:
        return "not tried with tiny settings"
    torch.manual_seed(0)
    place = chosen(**WAYS[way])
    model = place.place(models.build(name, len(data.classes)))
    views, said = Views.of(data.train.images[torch.arange(min(64, len(data.train)))], recipe), io.StringIO()
    # The statistics of 2,000 images, once in a run, take longer than the steps that are measured.
    with mock.patch.object(Views, "of", lambda *_: views), contextlib.redirect_stdout(said):
        history = training.train(model, data, recipe, progress=False, machine=place)
    reason = f" ({said.getvalue().strip()})" if "one by one" in said.getvalue() else ""
    best = max(history.column("images_per_second")[1:])
    return f"{rate(name, best)}, {1e3 * recipe.batch_size / best:.3f} ms a step{reason}"


def bare_step(name, batch, compiled=None, item=False, make=None):
    """A function that does one step on inputs that lie on the device already, as one would write it by hand.

    compiled: a mode of torch.compile. item: ask for the loss. make: the model -> its optimizer.
    """
    torch.manual_seed(0)
    classes = 10 if name in ("lenet5", "alexnet_mini") else CLASSES
    model = models.build(name, classes).to(DEVICE, memory_format=torch.channels_last).train()
    forward = torch.compile(model, mode=compiled, dynamic=False) if compiled else model
    inputs = torch.randn(batch, *layer_table(name).input_shape, device=DEVICE)
    inputs = inputs.contiguous(memory_format=torch.channels_last)
    labels = torch.randint(classes, (batch,), device=DEVICE)
    fused = {"weight_decay": 5e-4, "fused": True}
    optimizer = make(model) if make else torch.optim.SGD(model.parameters(), 1e-4, 0.9, **fused)

    def step():
        with torch.autocast(DEVICE.type, torch.bfloat16, enabled=CUDA):
            loss = F.cross_entropy(forward(inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if item:
            loss.item()

    return step


def graphed(step):
    """A step of fixed shapes as one captured graph."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def rate(name, images_per_second):
    """The rate, and its share of the peak: a step is three times the multiply-adds, but twice in the first layer."""
    flops = layer_table(name).training_flops * images_per_second
    peak = known("peak in bfloat16" if CUDA else "peak in float32")
    share = f", {100 * flops / peak:.1f} % of the peak" if peak else ""
    return f"{images_per_second:,.0f} images/s{share}"


def known(what):
    """A number that an earlier part noted, or None."""
    with contextlib.suppress(OSError):
        for line in Path(A.out, "gpu.jsonl").read_text(encoding="utf-8").splitlines():
            if (found := json.loads(line))["what"] == what:
                return found["value"]
    return None


# The parts.


def card():
    """The card, the peak of a matrix product in each precision, and the bandwidth of a copy."""
    note("card", torch.cuda.get_device_name() if CUDA else "no GPU")
    note("versions", f"Python {sys.version.split()[0]}, torch {torch.__version__}, CUDA {torch.version.cuda}")
    side = 256 if A.tiny else 8192
    for name, dtype in (("bfloat16", torch.bfloat16), ("float32", torch.float32)):
        a, b = (torch.randn(side, side, device=DEVICE, dtype=dtype) for _ in range(2))
        note(f"peak in {name}", 2 * side**3 / timed(lambda a=a, b=b: torch.mm(a, b), inner=1 if A.tiny else 10))
    here = torch.empty(2**20 if A.tiny else 2**31, dtype=torch.uint8, device=DEVICE)
    there = torch.empty_like(here)
    note("copy, bytes read and written a second", 2 * len(here) / timed(lambda: there.copy_(here)))
    for pinned in (False, True) if CUDA else ():
        host = torch.empty(2**28, dtype=torch.uint8, pin_memory=pinned)
        seconds = timed(lambda host=host: there[: len(host)].copy_(host, non_blocking=True))
        note(f"upload from {'pinned' if pinned else 'other'} memory, bytes a second", len(host) / seconds)


def waits():
    """How often a step makes the host wait, and where."""
    cases = ((NAMES[0], 32, False), ("lenet5", 64, False), ("lenet5", 64, True)) if CUDA else (("lenet5", 4, False),)
    for name, batch, graph in cases:
        found = []
        for steps in (6, 6, 11):  # a graph is captured at the fourth; in the first run, libraries set themselves up
            if name == "lenet5":
                data, recipe = made(torch.randn(batch * steps, 1, 32, 32), 10), recipes.LENET5_DIGITS
                recipe = replace(recipe, batch_size=batch, epochs=1)
            else:
                data, recipe = made(pixels(batch * steps)), recipe_of(name, batch, 1)
            model = models.build(name, len(data.classes)).to(DEVICE)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                if CUDA:
                    torch.cuda.set_sync_debug_mode("warn")
                training.train(model, data, recipe, progress=False, machine=chosen(graph=graph))
                if CUDA:
                    torch.cuda.set_sync_debug_mode("default")
            lines = [
                f"{Path(each.filename).name}:{each.lineno}" for each in caught if "synchroniz" in str(each.message)
            ]
            found.append(lines)
        where = dict(Counter(found[2]).most_common(20))
        name += ", as a graph" * graph
        note(f"waits a step, {name}", (len(found[2]) - len(found[1])) / 5 if CUDA else "a CPU is never waited for")
        note(f"waits of an epoch of 11 steps, {name}", where)


def resume():
    """A run that stopped against one that never did, in both memory formats, and with algorithms that repeat."""
    ways = [(True, False, False), (False, False, True), *[(False, True, True)] * CUDA]
    for last, graph, repeats in ways:
        place = Machine(DEVICE, "float32", last)
        with torch.random.fork_rng():
            if repeats:
                place = machine.choose(DEVICE.type, "float32", deterministic=True, graph=graph)
            recipe = replace(recipe_of("alexnet_mini", 16, 3), learning_rate=1e-2, crop=59)
            weights = []
            for stops in ((3,), (3,), (1, 3)):
                with tempfile.TemporaryDirectory() as folder:
                    for epochs in stops:
                        torch.manual_seed(0)
                        model = models.build("alexnet_mini", 10)
                        images = torch.arange(48 * 3 * 64 * 64).view(48, 3, 64, 64) % 251
                        data = made(images.to(torch.uint8), 10)
                        training.train(model, data, replace(recipe, epochs=epochs), False, folder, place)
                weights.append(torch.cat([value.flatten().cpu() for value in model.state_dict().values()]))
            whole, again, resumed = weights
            says = (
                "the very same"
                if torch.equal(whole, resumed)
                else f"apart by {float((whole - resumed).abs().max()):.1e}"
            )
            noise = float((whole - again).abs().max())
            note(f"resume, {place}, deterministic {repeats}", f"{says}; the same run twice: apart by {noise:.1e}")
    torch.use_deterministic_algorithms(False)


def speed():
    """Our loop from memory, and the peers, batch by batch."""
    for batch in BATCHES:
        for name in NAMES:
            with guarded(f"{name}, batch {batch}"):
                note(f"bare, {name}, batch {batch}", rate(name, batch / timed(bare_step(name, batch), inner=INNER)))
                images = pixels(batch * (2 if A.tiny else 24 if batch < 500 else 6))
                for way in ("one by one", "as a graph"):
                    found = ours(name, made(images), recipe_of(name, batch, 3), way)
                    note(f"ours, from memory, {way}, {name}, batch {batch}", found)
                if name == NAMES[0]:
                    seconds = timed(bare_step(name, batch, item=True), inner=INNER)
                    note(f"torchvision's way, {name}, batch {batch}", rate(name, batch / seconds))
    small()


def small():
    """LeNet-5 and the mini-AlexNet, which are bound by launches: our loop and a bare one, both also as a graph."""
    few = 8 if A.tiny else 6400
    for name, batch, images in (
        ("lenet5", 4 if A.tiny else 64, torch.randn(few, 1, 32, 32)),
        ("alexnet_mini", 4 if A.tiny else 32, pixels(few, 64)),
    ):
        with guarded(name):
            data = made(images, 10)
            known = replace(recipes.BY_ARCHITECTURE[name], batch_size=batch, epochs=3)
            for way in ("one by one", "as a graph"):
                note(f"ours, {way}, {name}, batch {batch}", ours(name, data, known, way))
            seconds = timed(bare_step(name, batch), inner=INNER)
            note(f"bare, {name}, batch {batch}, ms a step", 1e3 * seconds)
            if CUDA:
                seconds = timed(graphed(bare_step(name, batch)), inner=INNER)
                note(f"bare, as a graph, {name}, batch {batch}, ms a step", 1e3 * seconds)


def layers():
    """Forward and with gradients: normalisation by kernels and by its formula, CONV1 by blocks and by torch."""
    batch, dtype = (2, torch.float32) if A.tiny else (128, torch.bfloat16)
    kind = {"device": DEVICE, "dtype": dtype}
    maps = torch.randn(batch, 96, 55, 55, **kind).contiguous(memory_format=torch.channels_last).requires_grad_()
    images = torch.randn(batch, 3, 227, 227, **kind).contiguous(memory_format=torch.channels_last)
    conv1 = tema9_layers.ImageConv2d(3, 96, 11, 4).to(**kind, memory_format=torch.channels_last)
    torch.backends.cudnn.benchmark = True

    def by_formula(x):
        with mock.patch.object(tema9_layers, "KERNELS", set()):
            return tema9_layers.local_response_norm(x)

    for what, function, given, wanted in (
        ("normalisation by kernels", tema9_layers.local_response_norm, maps, maps),
        ("normalisation by its formula", by_formula, maps, maps),
        ("CONV1 by blocks", conv1.in_blocks, images, conv1.weight),
        ("CONV1 by torch's convolution", functools.partial(torch.nn.Conv2d.forward, conv1), images, conv1.weight),
    ):
        with guarded(what):

            def alone(function=function, given=given):
                with torch.no_grad():
                    function(given)

            def both(function=function, given=given, wanted=wanted):
                out = function(given)
                torch.autograd.grad(out, wanted, out.detach())

            started = time.perf_counter()
            both()
            sync()
            first = time.perf_counter() - started
            times = [1e3 * timed(way, inner=INNER) for way in (alone, both)]
            note(f"{what}, {batch} images", "first {:.1f} s, forward {:.3f} ms, both {:.3f} ms".format(first, *times))


def reading():
    """Our loop from a prepared folder and from a folder of JPEGs, against memory, one by one and as a graph."""
    from pipeline import write_images  # benchmarks/pipeline.py

    name, batch, count = NAMES[0], BATCHES[0], 40 if A.tiny else 3072
    side = layer_table(name).input_shape[1]
    with tempfile.TemporaryDirectory() as place:
        folder, out = Path(place, "jpegs"), Path(place, "prepared")
        write_images(folder, count)
        started = time.perf_counter()
        prepare(folder, out, workers=1 if A.tiny else None, progress=False)
        note("preparing, images a second", count / (time.perf_counter() - started))
        known_as = {"a prepared folder": load(str(out)), "a folder of JPEGs": load(str(folder))}
        memory = known_as["a prepared folder"].train
        known_as = {"memory": made(memory.images[torch.arange(len(memory))], 10), **known_as}
        for way in ("one by one", "as a graph"):
            for where, data in known_as.items():
                with guarded(f"{where}, {way}"):
                    epochs = 2 if where == "a folder of JPEGs" else 4
                    recipe = replace(recipe_of(name, min(batch, len(data.train)), epochs), crop=side)
                    note(f"ours, from {where}, {way}, {name}, batch {recipe.batch_size}", ours(name, data, recipe, way))


def memory():
    """The most memory that a step takes against the arithmetic, which has no workspaces and all in float32."""
    for name in NAMES if CUDA else ():
        with guarded(name):
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            bare_step(name, BATCHES[0])()
            found, counted = torch.cuda.max_memory_allocated(), layer_table(name).memory(BATCHES[0]).total
            note(
                f"memory, {name}, batch {BATCHES[0]}",
                f"{found / 2**20:,.0f} MiB; by the arithmetic {counted / 2**20:,.0f}",
            )
    if not CUDA:
        note("memory", "a CPU does not count it")


def evaluation():
    """Images a second of an evaluation, from one crop and from ten."""
    name, count = NAMES[0], 16 if A.tiny else 6000
    model = chosen().place(models.build(name, CLASSES))
    part = made(pixels(count)).train
    model.views = Views(layer_table(name).input_shape[1], mean=(0.5,) * 3, std=(0.25,) * 3)
    for ten in (False, True):
        few = part if not ten else Split(part.images[: count // 8], part.labels[: count // 8])
        seconds = timed(lambda few=few, ten=ten: tema9_evaluation.evaluate(model, few, chosen(), ten), repeats=2)
        note(f"evaluation, {name}, {'ten crops' if ten else 'one crop'}, images a second", len(few) / seconds)


def lightning():
    """Lightning's Trainer on a batch that lies on the device."""
    if not importlib.util.find_spec("lightning"):
        return note("Lightning", "not installed")
    import lightning as L

    name, batch, steps = NAMES[0], BATCHES[0], 2 if A.tiny else 24
    inputs = torch.randn(batch, *layer_table(name).input_shape, device=DEVICE)
    inputs = inputs.contiguous(memory_format=torch.channels_last)
    labels = torch.randint(CLASSES, (batch,), device=DEVICE)

    class Module(L.LightningModule):
        def __init__(self):
            super().__init__()
            self.model, self.at = models.build(name, CLASSES).to(memory_format=torch.channels_last), []

        def training_step(self, batch, _):
            return F.cross_entropy(self.model(batch[0]), batch[1])

        def on_train_epoch_start(self):
            sync()
            self.at.append(time.perf_counter())

        on_train_end = on_train_epoch_start

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 1e-4, 0.9, weight_decay=5e-4, fused=True)

    class Same:
        def __len__(self):
            return steps

        def __iter__(self):
            return iter([(inputs, labels)] * steps)

    module = Module()
    how = {"accelerator": "gpu" if CUDA else "cpu", "devices": 1, "precision": "bf16-mixed" if CUDA else "32-true"}
    L.Trainer(max_epochs=3, barebones=True, **how).fit(module, Same())
    spans = [b - a for a, b in zip(module.at, module.at[1:], strict=False)]
    return note(f"Lightning, {name}, batch {batch}", rate(name, batch * steps / min(spans[1:])))


def timm():
    """timm's optimizer and the step of its training script, on a batch that lies on the device."""
    if not importlib.util.find_spec("timm"):
        return note("timm", "not installed")
    from timm.optim import create_optimizer_v2

    name, batch = NAMES[0], BATCHES[0]
    step = bare_step(name, batch, make=lambda model: create_optimizer_v2(model, "momentum", 1e-4, 5e-4, 0.9))
    return note(f"timm's way, {name}, batch {batch}", rate(name, batch / timed(step, inner=INNER)))


def in_two_streams(model):
    """Have the halves of a TwoGPUs work at the same time on one device, each in a stream of its own."""
    streams = [torch.cuda.Stream() for _ in model.halves]

    def aside(function, stream, values):
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            return function(values)

    for half, stream in zip(model.halves, streams, strict=True):
        for name in ("before_conv3", "before_fc6"):
            setattr(half, name, functools.partial(aside, getattr(half, name), stream))
    exchange = model._exchange

    def after_both(layer, values):
        for stream in streams:
            torch.cuda.current_stream().wait_stream(stream)
        return exchange(layer, values)

    model._exchange = after_both


def two():
    """AlexNet over two devices, and over one twice, in one stream and in two."""
    cases = [((DEVICE, DEVICE), False)]
    if CUDA:
        cases.append(((DEVICE, DEVICE), True))
    if CUDA and torch.cuda.device_count() > 1:
        cases.append(((torch.device("cuda", 0), torch.device("cuda", 1)), False))
    batch = 2 if A.tiny else 128
    for devices, streams in cases:
        where = f"{' and '.join(map(str, devices))}, in {'two streams' if streams else 'one stream'}"
        with guarded(where):
            model = TwoGPUs(10, devices)
            if streams:
                in_two_streams(model)
            data = made(torch.randn(batch * (2 if A.tiny else 12), 3, 227, 227), 10)
            recipe = recipes.Recipe(batch_size=batch, epochs=3, learning_rate=1e-4)
            history = training.train(model, data, recipe, progress=False, machine=chosen())
            best = max(history.column("images_per_second")[1:])
            note(f"TwoGPUs on {where}", f"{best:,.0f} images/s, {model.traffic.bytes:,} bytes")


def compiled():
    """The bare loop and ours, compiled; last of the speeds, since each compilation takes 15 to 40 s."""
    if A.tiny:
        return note("compiled", "not tried with tiny settings")
    name, batch = NAMES[0], BATCHES[0]
    for mode in ("default", "reduce-overhead"):
        with guarded(f"{name} {mode}"):
            torch._dynamo.reset()
            seconds = timed(bare_step(name, batch, mode), inner=INNER)
            note(f"bare, compiled ({mode}), {name}, batch {batch}", rate(name, batch / seconds))
    with guarded(f"ours, compiled, {name}"):
        torch._dynamo.reset()
        found = ours(name, made(pixels(batch * 24)), recipe_of(name, batch, 3), "compiled")
        note(f"ours, from memory, compiled, {name}, batch {batch}", found)
    return None


def command(what, *words):
    """Run a command, write what it printed beside the results, and note its end, or how it failed."""
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).replace("\r", "\n").strip().splitlines()
    Path(A.out, re.sub(r"\W+", "-", what) + ".txt").write_text("\n".join(said) + "\n", encoding="utf-8")
    note(what, {"exit code": done.returncode, "said": [" ".join(line.split())[:300] for line in said[-4:]]})


def tests():
    """The tests that need a GPU; without one they are skipped."""
    marked = (file for file in sorted(ROOT.glob("tests/test_*.py")) if "@pytest.mark.gpu" in file.read_text("utf-8"))
    files = ["tests/test_waits.py"] if A.tiny else map(str, marked)  # the others need the packages of the notebooks too
    command("gpu tests", sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider", *files)


def runs():
    """LeNet-5 and the mini-AlexNet from the command, with their errors, and a run that goes on."""
    with tempfile.TemporaryDirectory() as out:
        train = [sys.executable, "-m", "tema9", "train"]
        few = ["--epochs", "1"] if A.tiny else []
        command("LeNet-5", *train, "lenet5", "--out", out, *few)
        command("LeNet-5, --resume", *train, "lenet5", "--out", out, "--resume", "--epochs", "2" if A.tiny else "32")
        if not A.tiny:
            command("mini-AlexNet", *train, "alexnet_mini", "--data", "textures", "--ten-crops", "--out", out)


def nccl():
    """One process under torchrun: NCCL on a GPU, gloo on a CPU; and --device cuda by its name."""
    with tempfile.TemporaryDirectory() as out:
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "1"]
        device = "cuda" if CUDA else "cpu"
        train = ["-m", "tema9", "train", "lenet5", "--epochs", "1", "--device", device, "--out", out]
        command(f"torchrun, --device {device}", *torchrun, *train)


# The part -> the most seconds it may take. In the order of what decides.
PARTS: dict[Callable[[], None], int] = {
    card: 40,
    waits: 40,
    layers: 30,
    resume: 50,
    speed: 110,
    reading: 110,
    memory: 30,
    evaluation: 40,
    tests: 90,
    lightning: 40,
    timm: 20,
    two: 30,
    runs: 90,
    nccl: 40,
    compiled: 120,
}


@contextlib.contextmanager
def guarded(what):
    """What fails says so, and what comes after it goes on."""
    try:
        yield
    except Exception as error:
        note(f"{what}: FAILS", f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")


def everything():
    """Run the parts, each in a process of its own, until the time is up."""
    names = A.parts.split(",") if A.parts else [part.__name__ for part in PARTS]
    limits = {part.__name__: seconds * (10 if A.tiny else 1) for part, seconds in PARTS.items()}
    if unknown := set(names) - set(limits):
        sys.exit(f"unknown parts {', '.join(sorted(unknown))}; known: {', '.join(limits)}")
    fork = multiprocessing.get_context("fork").Process
    if not A.tiny:
        asks = fork(target=ask)
        asks.start()
        asks.join()
        if asks.exitcode:
            sys.exit("there is no GPU; --tiny runs what a CPU can")
    Path(A.out).mkdir(parents=True, exist_ok=True)
    Path(A.out, "gpu.jsonl").write_text("")
    for A.part in names:
        left = A.seconds - (time.time() - START)
        if left < 10:
            note("skipped", "no time is left")
            continue
        process = fork(target=run, args=(A.part,))
        process.start()
        process.join(min(limits[A.part], left - 3))
        if process.is_alive():
            note("ended", "its time was up")
        elif process.exitcode:
            note("ended", f"with exit code {process.exitcode}")
        with contextlib.suppress(ProcessLookupError, PermissionError):  # what it started goes with it
            os.killpg(process.pid, signal.SIGKILL)
        process.join()
    A.part = "end"
    note("seconds", round(time.time() - START, 1))


def ask():
    """End this process, a fork, with exit code 0 if there is a GPU: a process that has asked cannot be forked."""
    sys.exit(not torch.cuda.is_available())


def run(name):
    """Run a part in this process, which is a fork: CUDA begins here, and not before."""
    global CUDA, DEVICE, NAMES, BATCHES, SIDE, CLASSES, INNER
    os.setsid()
    CUDA = torch.cuda.is_available()
    DEVICE = torch.device("cuda", 0) if CUDA else torch.device("cpu")
    NAMES = ["alexnet_mini"] if A.tiny else ["alexnet_slide", "alexnet_paper", "zfnet_paper"]
    BATCHES = [4] if A.tiny else [128, 1024]
    SIDE, CLASSES, INNER = (64, 10, 1) if A.tiny else (256, 1000, 5)
    try:
        next(part for part in PARTS if part.__name__ == name)()
    except Exception:
        note("FAILS", traceback.format_exc(limit=3)[-600:])
        sys.exit(1)


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--seconds", type=float, default=400, help="after which nothing runs")
parser.add_argument("--out", default="course/gpu", help="folder for gpu.jsonl")
parser.add_argument("--parts", help="with commas; all by default")
parser.add_argument("--tiny", action="store_true", help="tiny settings, also on a CPU: to see that it runs")

if __name__ == "__main__":
    A = parser.parse_args()
    A.part = "imports"
    import torch
    import torch.nn.functional as F

    from tema9 import evaluation as tema9_evaluation
    from tema9 import layer_table, machine, models, recipes, training
    from tema9 import layers as tema9_layers
    from tema9.data import Data, Split, load
    from tema9.machine import Machine
    from tema9.prepared import prepare
    from tema9.two_gpus import TwoGPUs
    from tema9.views import Views

    everything()
