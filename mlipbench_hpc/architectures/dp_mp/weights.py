"""Weights of a model: their form, their initial values, and as named arrays."""

import io
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.random import Generator

from mlipbench_hpc.data.frames import Floats

# As DeePMD-kit initialises nets, but with a wider start of embedding nets and smaller biases of fitting nets.
EMBEDDING_GAIN = 2.5
FITTING_BIAS = 0.1
STEP, STEP_DEVIATION = 0.1, 0.001
Tree = dict[str, Any]
Hyperparameters = Mapping[str, Any]
Layer = dict[str, Floats]


def initial_weights(hyperparameters: Hyperparameters, species: int, random: Generator) -> Tree:
    """Random weights, float64: of standard deviation gain/√(inputs + outputs); biases of 1, steps of 0.1.

    Nets of pairs come in the order of graphs.Graph.pairs, those of atoms in that of its kinds.
    """
    pairs, axis = species**2, hyperparameters["axis_neuron"]
    widths = list(hyperparameters["neuron"])
    weights: Tree = {"embedding": tanh_layers(random, pairs, [1, *widths])}
    columns = widths[-1]
    if hyperparameters["layers"] == 2:
        weights["message"] = message_net(random, species, columns, axis, hyperparameters["message_neuron"])
        columns = hyperparameters["message_neuron"][-1]
    fitting = [columns * axis, *hyperparameters["fitting_neuron"]]
    return weights | {"fitting": fitting_nets(random, species, fitting)}


def tanh_layers(random: Generator, nets: int, widths: list[int]) -> list[Layer]:
    """Layers from each width to the next, of `nets` nets."""
    return [
        {
            "weight": EMBEDDING_GAIN * normal(random, (nets, before, after), before + after),
            "bias": random.normal(size=(nets, after)),
        }
        for before, after in pairwise(widths)
    ]


def message_net(random: Generator, species: int, columns: int, axis: int, widths: list[int]) -> Tree:
    """The net G′ on Eq. 10: its first layer in parts (radial functions, both ends), then its others.

    An end's parts hold the nets of its species with a partner of each species, one after another.
    """
    first, pairs = widths[0], species**2
    total = columns + 2 * columns * axis + 2 * columns + first
    ends = {
        end: {
            "features": EMBEDDING_GAIN * normal(random, (species, columns * axis, species * first), total),
            "vectors": EMBEDDING_GAIN * normal(random, (species, columns, species * first), total),
        }
        for end in ("centres", "neighbours")
    }
    return ends | {
        "radial": EMBEDDING_GAIN * normal(random, (pairs, columns, first), total),
        "bias": random.normal(size=(pairs, first)),
        "layers": tanh_layers(random, pairs, widths),
    }


def fitting_nets(random: Generator, species: int, widths: list[int]) -> list[Layer]:
    """Layers of the fitting nets; the last gives the energy."""
    layers = []
    for number, (before, after) in enumerate(pairwise([*widths, 1]), start=1):
        layer = {
            "weight": normal(random, (species, before, after), before + after),
            "bias": FITTING_BIAS * random.normal(size=(species, after)),
        }
        if before == after and number < len(widths):
            layer["step"] = STEP + STEP_DEVIATION * random.normal(size=(species, after))
        layers.append(layer)
    return layers


def normal(random: Generator, shape: tuple[int, ...], ends: int) -> Floats:
    """Random numbers of standard deviation 1/√ends."""
    numbers: Floats = random.normal(size=shape) / np.sqrt(ends)
    return numbers


def pack(arrays: Mapping[str, Any]) -> bytes:
    """Named arrays as one .npz, whose bytes follow from the numbers."""
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def leaves(tree: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted path, array) of each leaf, in the order of the tree."""
    if not isinstance(tree, dict | list):
        yield prefix, tree
        return
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield from leaves(value, f"{prefix}.{key}" if prefix else str(key))


def with_leaves(tree: Any, values: Mapping[str, Any], prefix: str = "") -> Any:
    """A tree of the same form with the arrays of these paths; raises KeyError where one is missing."""
    if isinstance(tree, dict):
        return {
            key: with_leaves(value, values, f"{prefix}.{key}" if prefix else str(key))
            for key, value in tree.items()
        }
    if isinstance(tree, list):
        return [with_leaves(value, values, f"{prefix}.{index}") for index, value in enumerate(tree)]
    return values[prefix]
