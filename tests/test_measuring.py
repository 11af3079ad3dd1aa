"""What a test may learn of a student's work, and whose work it is."""

import functools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tema9 import contracts, layer_table, measuring


def work(code, name):
    """An object that a student's cell defines, as in a notebook."""
    namespace = {"__name__": "__main__"}
    exec(code, namespace)
    return namespace[name]


BORROWED = {
    "the function itself": "from tema9.arithmetic import output_size as f",
    "the public name": "from tema9 import layer_table as f",
    "a wrapper": "from tema9.arithmetic import output_size\ndef f(size, k):\n    return output_size(size, k)",
    "a wrapper with another name": "from tema9.arithmetic import output_size as g\ndef f(n, k):\n    return g(n, k)",
    "an import inside": "def f(n, k):\n    from tema9.arithmetic import output_size\n    return output_size(n, k)",
    "a module imported inside": "def f(n, k):\n    import tema9.arithmetic as a\n    return a.output_size(n, k)",
    "a module imported outside": "import tema9.arithmetic as a\ndef f(n, k):\n    return a.output_size(n, k)",
    "through the package": "import tema9\ndef f():\n    return tema9.layer_table('lenet5').total('parameters')",
    "the package under another name": "import tema9 as t\ndef f():\n    return t.layer_table('lenet5')",
    "a module named in a string": (
        "import importlib\ndef f(n, k):\n    return importlib.import_module('tema9.arithmetic').output_size(n, k)"
    ),
    "a helper of a helper": (
        "from tema9.arithmetic import output_size\n"
        "def one(n, k):\n    return output_size(n, k)\n"
        "def two(n, k):\n    return one(n, k)\n"
        "def f(n, k):\n    return two(n, k)"
    ),
    "a function inside": (
        "from tema9.arithmetic import output_size\n"
        "def f(n, k):\n    def inner():\n        return output_size(n, k)\n    return inner()"
    ),
    "a closure": (
        "from tema9.arithmetic import output_size\n"
        "def make(g):\n    def f(n, k):\n        return g(n, k)\n    return f\n"
        "f = make(output_size)\ndel output_size"
    ),
    "a lambda": "from tema9.arithmetic import output_size as g\nf = lambda n, k: g(n, k)",
    "a partial": "import functools\nfrom tema9.arithmetic import output_size as g\nf = functools.partial(g, stride=2)",
    "a subclass": "from tema9.models import LeNet5\nclass f(LeNet5):\n    pass",
    "a model of ours inside": (
        "from torch import nn\nfrom tema9 import models\n"
        "class f(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.net = models.LeNet5()\n"
        "    def forward(self, x):\n        return self.net(x)"
    ),
    "a method of ours": "from tema9 import layers\nclass f:\n    forward = layers.Subsampling.forward",
    "a static method": (
        "from tema9.arithmetic import output_size\n"
        "class f:\n    @staticmethod\n    def g(n, k):\n        return output_size(n, k)"
    ),
    "an object with a call": (
        "from tema9.arithmetic import output_size\n"
        "class C:\n    def __call__(self, n, k):\n        return output_size(n, k)\nf = C()"
    ),
    "a default value": (
        "from tema9.arithmetic import output_size\ndef f(n, k, g=output_size):\n    return g(n, k)\ndel output_size"
    ),
    "a table of functions": (
        "from tema9.arithmetic import output_size\nTOOLS = {'size': output_size}\n"
        "def f(n, k):\n    return TOOLS['size'](n, k)\ndel output_size"
    ),
}


@pytest.mark.parametrize("how", BORROWED)
def test_work_that_comes_from_the_package_is_refused_and_the_message_names_it(how):
    with pytest.raises(AssertionError, match=r"aquí se pide tu propio código, y esto usa `tema9") as caught:
        measuring.require_own(work(BORROWED[how], "f"))
    assert "\n" not in str(caught.value)


OWN = {
    "arithmetic": "def f(n, k):\n    return n - k + 1",
    "torch and numpy": "import numpy as np, torch\ndef f(x):\n    return torch.from_numpy(np.pad(x, 1)).relu()",
    "own helpers": "def g(x):\n    return x + 1\ndef f(x):\n    return g(g(x))",
    "recursion": "def f(n):\n    return 1 if n < 2 else n * f(n - 1)",
    "mutual recursion": "def g(n):\n    return n and f(n - 1)\ndef f(n):\n    return n and g(n - 1)",
    "a model": (
        "import torch\nfrom torch import nn\n"
        "class f(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.net = nn.Sequential(nn.Linear(4, 2))\n"
        "    def forward(self, x):\n        return torch.relu(self.net(x))"
    ),
    "a cached function": "import functools\n@functools.cache\ndef f(n):\n    return n",
    "a decorator of its own": (
        "import functools\n"
        "def twice(g):\n    @functools.wraps(g)\n    def h(x):\n        return g(g(x))\n    return h\n"
        "@twice\ndef f(x):\n    return x + 1"
    ),
    "the package imported and not used": "import tema9\nfrom tema9 import layer_table\ndef f(n):\n    return n",
    "names that look like ours": "def output_size(n):\n    return n\ndef f(n):\n    return output_size(n)",
    "the standard library": "import math, re\ndef f(n):\n    return math.comb(n, 2) + len(re.findall('a', 'aa'))",
    "a list": "f = [1, 2]",
    "a number": "f = 3",
}


@pytest.mark.parametrize("how", OWN)
def test_honest_work_is_accepted(how):
    measuring.require_own(work(OWN[how], "f"))


@pytest.mark.parametrize("error", [SyntaxError, type("_IncompleteInputError", (SyntaxError,), {})])
def test_an_error_that_only_python_itself_knows_by_name_has_that_of_its_kind(error):
    assert measuring.error_name(error("incomplete input")) == "SyntaxError"


def test_raised_by_names_the_exception_or_says_none():
    assert measuring.raised_by(lambda x: 1 / x, 0) == "ZeroDivisionError"
    assert measuring.raised_by(lambda x: 1 / x, 1) is None
    assert measuring.raised_by(lambda **kwargs: kwargs["b"], a=1) == "KeyError"


@pytest.mark.parametrize("array", [torch.ones(3), torch.ones(3).numpy()])
def test_writing_into_an_input_is_seen_and_the_test_s_own_array_stays(array):
    def writes(x, _):
        x += 1

    assert measuring.changes_its_inputs(writes, array, 2)
    assert not measuring.changes_its_inputs(lambda x, _: x + 1, array, 2)
    assert (array == 1).all()


def two_layers(features=3):
    return nn.Sequential(nn.Conv2d(1, 2, (3, 3), padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(32, features))


def test_parameter_shapes_come_in_order_and_cost_no_memory():
    assert measuring.parameter_shapes(two_layers, 5) == [(2, 1, 3, 3), (2,), (5, 32), (5,)]
    assert measuring.parameter_shapes(lambda: nn.Linear(10**6, 10**6)) == [(10**6, 10**6), (10**6,)]


def test_module_rows_tell_each_call_with_its_shape_parameters_and_settings():
    rows = measuring.module_rows(two_layers, (1, 1, 4, 4))
    assert [row[:3] for row in rows] == [
        ("Conv2d", (2, 4, 4), 20),
        ("ReLU", (2, 4, 4), 0),
        ("Flatten", (32,), 0),
        ("Linear", (3,), 99),
    ]
    settings = rows[0][3]
    assert settings["kernel_size"] == 3 and settings["padding"] == 1 and settings["stride"] == 1


def test_module_rows_of_our_own_model_are_its_table():
    from tema9 import models

    rows = measuring.module_rows(models.AlexNet, (1, 3, 227, 227), "alexnet_paper")
    rows = [row[1:3] for row in rows if row[0] not in ("ReLU", "Dropout", "Flatten")]
    assert rows == [(row.out_shape, row.parameters) for row in layer_table("alexnet_paper")]


def test_a_module_is_asked_for_where_something_else_arrives():
    with pytest.raises(AssertionError, match=r"se esperaba un torch\.nn\.Module y ha llegado un int"):
        measuring.parameter_shapes(lambda: 3)


def test_modules_with_the_same_layers_answer_the_same_however_they_are_written():
    class Same(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Conv2d(1, 2, 3, padding=1), nn.Linear(32, 3)

        def forward(self, x):
            return self.last(torch.relu(self.first(x)).flatten(1))

    images = torch.rand(2, 1, 4, 4)
    answers = [measuring.model_output(build, images) for build in (two_layers, Same, two_layers)]
    assert torch.equal(answers[0], answers[1]) and torch.equal(answers[0], answers[2])
    without_relu = measuring.model_output(lambda: nn.Sequential(*(two_layers()[i] for i in (0, 2, 3))), images)
    assert not torch.allclose(answers[0], without_relu)


def test_model_output_knows_training_from_evaluation():
    def build():
        return nn.Sequential(nn.Flatten(), nn.Dropout(0.5))

    images = torch.ones(1, 1, 20, 20)
    assert torch.equal(measuring.model_output(build, images), images.flatten(1))
    assert (measuring.model_output(build, images, training=True) == 0).float().mean() == pytest.approx(0.5, abs=0.1)


def test_known_weights_leave_the_global_generator_alone():
    before = torch.get_rng_state()
    measuring.known_weights(nn.ParameterList([torch.ones(3)]))
    assert torch.equal(torch.get_rng_state(), before)


def test_known_values_are_those_of_known_weights_and_are_made_anew_once_somebody_has_written_there():
    shapes = [(4, 3, 3, 3), (4,), (5, 7), (), (1009, 1000)]
    wanted = [*measuring.known_weights(nn.ParameterList(torch.empty(shape) for shape in shapes))]
    for _ in range(2):
        found = measuring.known_values(shapes)
        assert all(map(torch.equal, found, wanted)) and len(found) == len(wanted)
        found[2][4, 6] += 1


def test_what_a_module_does_to_its_weights_is_not_there_in_the_next_one():
    class Scales(nn.Linear):
        def forward(self, x):
            self.weight.data.mul_(2)
            return super().forward(x)

    plain = measuring.model_output(lambda: nn.Linear(6, 2), torch.ones(1, 6))
    first, second = (measuring.model_output(lambda: Scales(6, 2), torch.ones(1, 6)) for _ in range(2))
    assert torch.equal(first, second) and not torch.equal(first, plain)
    assert torch.equal(measuring.model_output(lambda: nn.Linear(6, 2), torch.ones(1, 6)), plain)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_module_of_another_type_of_numbers_keeps_it(dtype):
    images = torch.ones(1, 6, dtype=dtype)
    assert measuring.model_output(lambda: nn.Linear(6, 2, dtype=dtype), images).dtype == dtype


def test_a_measure_runs_where_the_work_lives():
    class Elsewhere:
        def measure_there(self, name, args, kwargs):
            return name, args, kwargs

    assert measuring.raised_by(Elsewhere(), 1, size=2) == ("raised_by", (1,), {"size": 2})


def test_parameter_groups_come_as_names_and_numbers():
    def grouped(model, rate):
        return (
            {"params": [p for n, p in model.named_parameters() if "bias" in n], "lr": 2 * rate, "weight_decay": 0},
            {"params": model[2].weight, "lr": np.float64(rate), "weight_decay": torch.tensor(0.5), "hook": print},
            {"params": iter([("mine", torch.zeros(1))]), "lr": rate, "weight_decay": 0},
        )

    assert measuring.parameter_groups(grouped, 0.1) == [
        {"names": ["0.bias", "4.bias", "6.bias"], "lr": 0.2, "weight_decay": 0},
        {"names": ["2.weight"], "lr": 0.1, "weight_decay": 0.5},
        {"names": ["?"], "lr": 0.1, "weight_decay": 0},
    ]


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (None, "no devuelve nada"),
        ([[]], "en su grupo 1, un `list`"),
        ([{"params": [], "lr": 1}], "sin la clave 'weight_decay'"),
        ([{"params": 3, "lr": 1, "weight_decay": 0}], "en 'params', un `int`, y se pide una lista"),
        ([{"params": [], "lr": "1", "weight_decay": 0}], "en 'lr', '1', un `str`, y se pide un número"),
    ],
)
def test_what_is_no_parameter_group_is_refused(returned, words):
    with pytest.raises(AssertionError, match=words):
        measuring.parameter_groups(lambda model: returned)


def a_loop(model, data, epochs, restore=True, touch_test=False, rate=0.1, **settings):
    """A loop as notebook 4 asks for, with switches for some mistakes."""
    optimizer = torch.optim.SGD(model.parameters(), rate, **{"momentum": 0.9, **settings})
    generator, best, errors, kept = torch.Generator().manual_seed(0), None, [], None
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(data.train.labels), generator=generator).split(4):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(data.train.images[batch]), data.train.labels[batch]).backward()
            optimizer.step()
        model.eval()
        part = data.test if touch_test else data.validation
        with torch.no_grad():
            error = 100 * float((model(part.images).argmax(1) != part.labels).double().mean())
        errors.append(error)
        if best is None or error < best:
            best, kept = error, {name: value.clone() for name, value in model.state_dict().items()}
    if restore:
        model.load_state_dict(kept)
    return errors


def test_training_loop_scripts_the_validation_and_sees_what_is_kept():
    watched = measuring.training_loop(a_loop, [50, 20, 40, 20], images=10)
    assert watched["result"] == [50, 20, 40, 20] and watched["kept"] == [2]
    assert watched["batches"] == [[4, 4, 2]] * 4 and watched["learns"]
    assert watched["complete"] and watched["shuffles"] and len(watched["weights"]) == 4
    assert watched["modes"] == [("train", True), ("validation", False)]


def test_training_loop_takes_a_loop_that_leaves_gradients_disabled():
    def switching(model, data, epochs, **settings):
        torch.set_grad_enabled(True)
        errors = a_loop(model, data, epochs, rate=0.01)
        torch.set_grad_enabled(False)
        return errors

    try:
        assert measuring.training_loop(switching, [50, 20])["follows"]
    finally:
        torch.set_grad_enabled(True)


def test_training_loop_knows_the_weights_that_the_same_batches_give():
    assert measuring.training_loop(a_loop, [50, 20, 40], rate=0.05)["follows"]
    for mistake in ({"weight_decay": 5e-4}, {"momentum": 0.8}, {"nesterov": True}, {"dampening": 0.1}):
        watched = measuring.training_loop(a_loop, [50, 20, 40], rate=0.05, **mistake)
        assert watched["learns"] and not watched["follows"], mistake
    assert not measuring.training_loop(a_loop, [50, 20, 40])["follows"]  # the rate of this loop is not 0.01


def test_the_steps_that_are_kept_leave_the_random_state_as_those_that_are_computed():
    measuring._reference_steps.cache_clear()
    after = []
    for _ in range(2):
        torch.manual_seed(0)
        measuring.training_loop(a_loop, [50, 20])
        after.append(torch.get_rng_state())
    assert measuring._reference_steps.cache_info().hits == 1
    assert torch.equal(*after)


def test_training_loop_sees_the_last_epoch_kept_and_the_test_part_used():
    assert measuring.training_loop(a_loop, [50, 20, 40], restore=False)["kept"] == [3]
    assert ("test", False) in measuring.training_loop(a_loop, [50, 20], touch_test=True)["modes"]


def a_loop_that_looks(look):
    """The loop of notebook 4, which also calls `look(model, images, labels, optimizer)` around each step."""

    def loop(model, data, epochs, rate=0.01, **_):
        optimizer = torch.optim.SGD(model.parameters(), rate, momentum=0.9)
        generator, errors = torch.Generator().manual_seed(0), []
        for _ in range(epochs):
            for batch in torch.randperm(len(data.train.labels), generator=generator).split(4):
                images, labels = data.train.images[batch], data.train.labels[batch]
                model.train()
                optimizer.zero_grad()
                look(model, images, labels, optimizer)
                model.train()
                torch.nn.functional.cross_entropy(model(images), labels).backward()
                optimizer.step()
                if look is not computes_the_gradient_twice:
                    look(model, images, labels, optimizer)
            model.eval()
            with torch.no_grad():
                errors.append(
                    100 * float((model(data.validation.images).argmax(1) != data.validation.labels).double().mean())
                )
        return errors

    return loop


def looks_with_gradients(model, images, labels, optimizer):
    torch.nn.functional.cross_entropy(model(images), labels).item()


def looks_without_gradients(model, images, labels, optimizer):
    with torch.no_grad():
        model(images).argmax(1)


def looks_in_evaluation_mode(model, images, labels, optimizer):
    model.eval()
    model(images)


def computes_the_gradient_twice(model, images, labels, optimizer):
    torch.nn.functional.cross_entropy(model(images), labels).backward()
    optimizer.zero_grad()


@pytest.mark.parametrize(
    "look", [looks_with_gradients, looks_without_gradients, looks_in_evaluation_mode, computes_the_gradient_twice]
)
def test_training_loop_counts_a_batch_once_however_often_the_loop_looks_at_it(look):
    expected = measuring.training_loop(a_loop_that_looks(lambda *_: None), [50, 20], images=10)
    watched = measuring.training_loop(a_loop_that_looks(look), [50, 20], images=10)
    assert watched["batches"] == [[4, 4, 2]] * 2
    for key in ("orders", "batches", "complete", "shuffles", "learns", "follows", "kept", "result"):
        assert watched[key] == expected[key], key
    if look is not computes_the_gradient_twice:
        assert watched["modes"] == expected["modes"]


def test_training_loop_sees_a_batch_that_is_taught_twice():
    def twice(model, images, labels, optimizer):
        torch.nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()

    watched = measuring.training_loop(a_loop_that_looks(twice), [50, 20], images=10)
    assert len(watched["batches"][0]) > 3 and not watched["complete"]


def test_training_loop_sees_that_a_step_is_taken_in_evaluation_mode():
    def taught_in_evaluation(model, data, epochs, **settings):
        model.train = lambda mode=True: torch.nn.Module.train(model, False)
        return a_loop(model, data, epochs, **settings)

    assert ("train", False) in measuring.training_loop(taught_in_evaluation, [50, 20])["modes"]


def a_step(model, optimizer, images, labels, training=True, look=False):
    model.train(training)
    loss = torch.nn.functional.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if look:
        model.eval()
        model(images)
    return loss


def test_training_run_asks_for_training_mode_only_where_the_model_learns():
    assert measuring.training_run(a_step)["training"]
    assert measuring.training_run(functools.partial(a_step, look=True))["training"]
    assert not measuring.training_run(functools.partial(a_step, training=False))["training"]
    assert not measuring.training_run(lambda model, optimizer, images, labels: 0.0)["training"]


def grouped(how):
    x, weight, bias = torch.randn(1, 4, 5, 5), torch.randn(6, 2, 3, 3), torch.zeros(6)
    return measuring.convolves_in_groups(how, x, weight, bias)


@pytest.mark.parametrize(
    "how",
    [
        lambda x, w, b: F.conv2d(x, w, b, groups=2),
        lambda x, w, b: F.conv2d(x, w, b, 1, 0, 1, 2),
        lambda x, w, b: torch.conv2d(x, w, b, groups=len(x) + 1),
        lambda x, w, b: F.conv2d(x, w, b, **dict([("gro" + "ups", 2)])),
        lambda x, w, b: nn.Conv2d(4, 6, 3, groups=2)(x),
        lambda x, w, b: torch.convolution(x, w, b, [1, 1], [0, 0], [1, 1], False, [0, 0], 2),
        lambda x, w, b: F.conv_transpose2d(x, torch.ones(4, 3, 3, 3), b, 1, 0, 0, 2),
        lambda x, w, b: F.conv3d(x[:, :, None], w[:, :, None], b, groups=2),
        lambda x, w, b: getattr(F, "conv" + "2d")(x, w, b, 1, "same", 1, 2),
        functools.partial(F.conv2d, groups=2),
    ],
)
def test_a_convolution_in_groups_is_found_however_it_is_called(how):
    assert grouped(how)


@pytest.mark.parametrize(
    "how",
    [
        lambda x, w, b: torch.cat([F.conv2d(x[:, :2], w[:3]), F.conv2d(x[:, 2:], w[3:])], 1),
        lambda x, w, b: F.conv2d(x, torch.ones(6, 4, 3, 3), b, groups=1),
        lambda x, w, b: F.conv2d(x, torch.ones(6, 4, 3, 3), b, 1, 0, 1, 1),
        lambda x, w, b: torch.vmap(F.conv2d)(x.view(2, 1, 2, 5, 5), w.view(2, 3, 2, 3, 3)),
        lambda x, w, b: F.conv2d(x.view(2, 2, 5, 5), w, None, 1, 2, 2),
        lambda x, groups, b: F.unfold(x, 3),
    ],
)
def test_other_ways_to_the_same_are_no_convolution_in_groups(how):
    assert not grouped(how)


@pytest.mark.parametrize(
    "how",
    [
        lambda x: F.max_pool2d(x, 2),
        lambda x: F.max_pool2d(x, 2, return_indices=True)[0],
        lambda x: torch.max_pool2d(x, 2),
        lambda x: F.adaptive_max_pool2d(x, 2),
        lambda x: F.fractional_max_pool2d(x, 2, output_size=2),
        nn.MaxPool2d(2),
        lambda x: getattr(nn, "MaxPool" + "2d")(2)(x),
    ],
)
def test_a_function_of_torch_is_found_by_whatever_name_it_is_called(how):
    assert measuring.calls_of_torch(how, "max_pool", torch.rand(1, 4, 4))
    assert not measuring.calls_of_torch(how, "conv", torch.rand(1, 4, 4))


def test_looking_for_functions_of_torch_changes_no_result():
    seen = []
    measuring.calls_of_torch(lambda x: seen.append(F.conv2d(x, x)), "conv", torch.ones(1, 1, 2, 2))
    assert seen[0].item() == 4


def test_a_function_of_one_s_own_may_have_the_name_of_a_library_s():
    space = {"F": F, "__name__": "__main__"}
    exec("def correlate(a, b):\n    return (a * b).sum()\ndef mine(a, b):\n    return correlate(a, b)", space)
    exec("def theirs(a, b):\n    import numpy\n    return numpy.correlate(a, b)", space)
    exec("def hidden(a, b):\n    return theirs(a, b)", space)
    assert not measuring.uses(space["mine"], "correlate")
    assert measuring.uses(space["theirs"], "correlate") and measuring.uses(space["hidden"], "correlate")


def test_the_known_classifier_is_the_same_each_time_and_leaves_the_random_state_alone():
    before = torch.random.get_rng_state()
    image = torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(1))
    found = measuring.with_classifier(lambda model, x: model(x), image, seed=2)
    assert torch.equal(before, torch.random.get_rng_state())
    assert contracts.close(found, measuring.known_classifier(seed=2)(image))
    assert not contracts.close(found, measuring.known_classifier(seed=3)(image))
    assert torch.from_numpy(found).softmax(1).max() < 0.999


def test_changes_the_image_sees_a_write():
    image = torch.zeros(3, 10, 10)
    assert measuring.changes_the_image(lambda model, x, how: x.add_(how), image, 1.0)
    assert not measuring.changes_the_image(lambda model, x, how: x + how, image, 1.0)
    assert not image.any()


def test_a_layer_that_does_not_say_its_inputs_is_refused_in_words():
    with pytest.raises(AssertionError, match=r"usa `nn\.Linear` y no `nn\.LazyLinear`"):
        measuring.parameter_shapes(lambda: nn.LazyLinear(10))
