"""The DP adapter: what every architecture must obey, and what is deepmd-kit's own."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from mlipbench_hpc.architectures.dp import adapter
from mlipbench_hpc.architectures.dp import model as dp_model
from mlipbench_hpc.architectures.dp.deepmd_kit import DeepPot, default_tf_session_config
from mlipbench_hpc.architectures.dp.evaluator import DpCommittee
from mlipbench_hpc.architectures.dp.systems import periodic_box, systems
from mlipbench_hpc.architectures.interface import Evaluator
from mlipbench_hpc.architectures.testing import REFERENCE, Conformance, water
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import concatenate


class TestDp(Conformance):
    adapter = adapter
    small: ClassVar[dict[str, Any]] = {
        "rcut": 3.0, "neuron": [4, 8], "axis_neuron": 2, "fitting_neuron": [8, 8], "epochs": 4,
        "batch_size": 2,
    }  # fmt: skip
    learning: ClassVar[dict[str, Any]] = {"epochs": 40, "batch_size": 1, "fitting_neuron": [16, 16]}
    weights = "model.pb"
    one_file = False
    title = "DP"

    def test_another_dtype_than_the_frozen_one_is_refused(self, trained: dict[str, Path]) -> None:
        with pytest.raises(InputFailure, match="was frozen in float32, float64 was asked for"):
            adapter.load(trained["float32"], {}, "cpu", "float64")

    def test_energies_are_total_ones_inside_the_frozen_graph(
        self, trained: dict[str, Path], model: Evaluator
    ) -> None:
        """So a native pair style has the committee's zero too: near -2.8 keV, not the interaction's 0."""
        frames = water(2, seed=20)
        (system,) = systems(frames, [1, 8], 3.0)
        raw = DeepPot(str(trained["float64"] / "model.pb")).eval(
            system.coordinates, system.boxes, system.types
        )
        np.testing.assert_array_equal(raw[0][:, 0], model.evaluate(frames, 2)[0])
        total = 6 * (2 * REFERENCE[1] + REFERENCE[8])
        np.testing.assert_allclose(raw[0], total, rtol=0.02)

    def test_members_share_one_zero(self, trained: dict[str, Path], tmp_path: Path, model: Evaluator) -> None:
        """The same labels over other reference energies: deepmd-kit's own bias takes up the difference."""
        shift = {1: -0.5, 8: 3.0}
        moved = {number: energy + shift[number] for number, energy in REFERENCE.items()}
        adapter.train(self.job(tmp_path / "moved", reference_energies=moved))
        frames = water(2, seed=21)
        other = adapter.load(tmp_path / "moved", {}, "cpu", "float64").evaluate(frames, 2)
        np.testing.assert_allclose(other[0], model.evaluate(frames, 2)[0], rtol=0, atol=1e-6)
        np.testing.assert_allclose(other[1], model.evaluate(frames, 2)[1], rtol=0, atol=1e-6)

    def test_a_graph_alone_is_a_model_whatever_the_order_of_its_types(
        self, trained: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Evaluator
    ) -> None:
        """As a user brings one: types O, H, which deepmd-kit's training takes as they are given."""
        found = adapter.adopt(trained["float64"] / "model.pb", tmp_path, "float64")
        assert (found.numbers, found.hyperparameters) == ([1, 8], {"rcut": 3.0})
        frames = water(2, seed=22)
        again = adapter.load(tmp_path, {}, "cpu", "float64")
        np.testing.assert_array_equal(again.evaluate(frames, 2)[1], model.evaluate(frames, 2)[1])
        with pytest.raises(InputFailure, match="was frozen in float64, float32 was asked for"):
            adapter.load(tmp_path, {}, "cpu", "float32")
        seen = []

        def evaluated(coordinates: Any, _boxes: Any, types: Any) -> tuple[Any, Any, None]:
            seen.append(types)
            return np.zeros((len(coordinates), 1)), np.zeros((len(coordinates), 18, 3)), None

        monkeypatch.setattr(DeepPot, "get_type_map", lambda _self: ["O", "H"])
        turned = adapter.load(tmp_path, {}, "cpu", "float64")
        monkeypatch.setattr(turned.potential, "eval", evaluated)
        turned.evaluate(frames, 2)
        assert seen[0].tolist() == [1] * 12 + [0] * 6, "sorted as H, O; O is the graph's first type"
        fed = []

        class Session:
            def run(self, _wanted: Any, feed: dict[Any, Any]) -> Any:
                fed.append(feed)
                return np.zeros(2)

        backend = turned.potential.deep_eval
        monkeypatch.setattr(backend, "sess", Session())
        DpCommittee([turned]).energies(frames, 2)
        types, natoms, coord = (fed[0][backend.tensors[name]] for name in ("type", "natoms", "coord"))
        assert types.tolist() == ([0] * 6 + [1] * 12) * 2
        assert natoms.tolist() == [18, 18, 6, 12]
        oxygens = frames.positions[:18][frames.numbers[:18] == 8]
        np.testing.assert_allclose(np.sort(coord[:18]), np.sort(oxygens.ravel()))

    @pytest.mark.parametrize(
        ("dtype", "tolerance", "one_side"),
        [("float64", 1e-5, True), ("float32", 1e-4, True), ("float64", 1e-5, False)],
    )
    def test_compressed_equals_uncompressed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: str, tolerance: float, one_side: bool
    ) -> None:
        """Tables of fifth-order polynomials stand for the embedding net."""
        frozen: list[Path] = []

        def spy(**asked: Any) -> None:
            frozen.append(tmp_path / "uncompressed.pb")
            frozen[0].write_bytes(Path(asked["input"]).read_bytes())
            compress(**asked)

        compress = dp_model.compress
        monkeypatch.setattr(dp_model, "compress", spy)
        hyperparameters = self.hyperparameters(type_one_side=one_side)
        adapter.train(self.job(tmp_path / "model", dtype=dtype, hyperparameters=hyperparameters))
        frames = water(4, seed=22)
        (system,) = systems(frames, [1, 8], 3.0)
        whole = DeepPot(str(frozen[0])).eval(system.coordinates, system.boxes, system.types)
        energies, forces = adapter.load(tmp_path / "model", {}, "cpu", dtype).evaluate(frames, 4)
        np.testing.assert_allclose(energies, whole[0][:, 0], rtol=0, atol=18 * tolerance)
        np.testing.assert_allclose(forces[system.order], whole[1], rtol=0, atol=tolerance)
        assert frozen[0].read_bytes() != (tmp_path / "model" / "model.pb").read_bytes()

    def test_embedding_nets_of_both_ends_obey_too(self, tmp_path: Path) -> None:
        """G of Eq. 8 for each ordered pair of H and O: two nets of widths 1-4-8 more than with one end."""
        parameters = [
            adapter.train(self.job(tmp_path / str(one_side), hyperparameters=chosen))["parameters"]
            for one_side in (True, False)
            for chosen in [self.hyperparameters(type_one_side=one_side, epochs=1)]
        ]
        assert parameters[1] - parameters[0] == 2 * (1 * 4 + 4 + 4 * 8 + 8)
        pairs = adapter.load(tmp_path / "False", {}, "cpu", "float64")
        self.test_forces_are_minus_the_gradient_of_the_energy(pairs)
        self.test_rotation_turns_the_forces(pairs)
        self.test_frames_of_several_sizes_go_into_one_batch(pairs)

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"rcut_smth": 3.0}, "rcut_smth = 3.0 Å must be below rcut = 3.0 Å"),
            ({"axis_neuron": 9}, "axis_neuron = 9 must be at most 8"),
        ],
    )
    def test_hyperparameters_that_do_not_fit_together_are_refused(
        self, tmp_path: Path, changes: dict[str, Any], words: str
    ) -> None:
        with pytest.raises(InputFailure, match=words):
            self.adapter.train(self.job(tmp_path / "no", hyperparameters=self.hyperparameters(**changes)))

    def test_compositions_train_together(self, tmp_path: Path) -> None:
        """One epoch passes every frame of every composition, and a composition may be new in validation."""
        frames = concatenate([water(3, 6, seed=23), water(2, 2, seed=24)])
        rows: list[dict[str, float]] = []
        job = self.job(tmp_path / "mixed", train=frames, validation=water(1, 4, seed=25), report=rows.append)
        adapter.train(job)
        assert len(rows) == 4
        last = self.hyperparameters()
        decay = (last["stop_lr"] / last["start_lr"]) ** (1 / 12)
        assert rows[-1]["learning_rate"] == pytest.approx(last["stop_lr"] / decay)

    def test_open_directions_equal_a_cell_with_enough_vacuum(self, model: Evaluator) -> None:
        frames = water(1, seed=26)
        cell = frames.cells[0].copy()
        cell[2] = [0, 0, 30.0]
        wide = replace(frames, cells=cell[None])
        flat = replace(wide, pbc=np.array([[True, True, False]]), cells=(cell * [[1], [1], [0.1]])[None])
        for one, other in zip(model.evaluate(flat, 1), model.evaluate(wide, 1), strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-9)
        lone = replace(frames, pbc=np.zeros((1, 3), dtype=bool), cells=np.zeros((1, 3, 3)))
        alone = replace(frames, cells=40.0 * np.eye(3)[None])
        for one, other in zip(model.evaluate(lone, 1), model.evaluate(alone, 1), strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-9)

    def test_threads_are_those_asked_for(
        self, trained: dict[str, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OMP_NUM_THREADS", "2")
        adapter.load(trained["float64"], {}, "cpu", "float64")
        assert default_tf_session_config.intra_op_parallelism_threads == 2
        assert os.environ["DP_INTRA_OP_PARALLELISM_THREADS"] == "2"  # what the pair style reads
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        adapter.load(trained["float64"], {}, "cpu", "float64")
        assert default_tf_session_config.intra_op_parallelism_threads == 1
        assert default_tf_session_config.inter_op_parallelism_threads == 1

    def test_model_json_says_what_the_graph_holds(self, trained: dict[str, Path]) -> None:
        record = json.loads((trained["float32"] / "model.json").read_text())
        assert record == {
            "schema": 1, "numbers": [1, 8], "reference_energies": [-13.5, -432.25], "cutoff": 3.0,
            "dtype": "float32",
        }  # fmt: skip


def test_a_system_holds_one_composition_sorted_by_type(tmp_path: Path) -> None:
    frames = concatenate([water(1, 2, seed=27), water(1, 3, seed=28), water(1, 2, seed=29)])
    two, three = systems(frames, [1, 8], 3.0)
    assert two.frames.tolist() == [0, 2]
    assert two.types.tolist() == [0, 0, 0, 0, 1, 1]
    assert three.types.tolist() == [0] * 6 + [1] * 3
    assert two.order[1].tolist() == [16, 17, 19, 20, 15, 18]
    np.testing.assert_array_equal(two.coordinates[1], frames.positions[two.order[1]])
    np.testing.assert_array_equal(three.forces[0], frames.forces[three.order[0]])
    two.write(tmp_path / "system", ["H", "O"])
    back = {name: np.load(tmp_path / f"system/set.000/{name}.npy") for name in ("coord", "force", "energy")}
    np.testing.assert_array_equal(back["coord"], two.coordinates.reshape(2, 18))
    np.testing.assert_array_equal(back["force"], two.forces.reshape(2, 18))
    np.testing.assert_array_equal(back["energy"][:, 0], frames.energies[[0, 2]])
    assert (tmp_path / "system/type_map.raw").read_text().split() == ["H", "O"]


def test_an_open_direction_is_made_longer_than_the_cutoff() -> None:
    positions = np.array([[0.0, 0.0, 1.0], [1.0, 2.0, 5.0]])
    cell = np.array([[4.0, 0.0, 0.0], [1.0, 4.0, 0.0], [0.0, 0.5, 3.0]])
    box = periodic_box(positions, cell, [True, True, False], 6.0)
    np.testing.assert_array_equal(box[:2], cell[:2])
    np.testing.assert_allclose(box[2], [0.0, 0.0, 4.0 + 6.006])
    np.testing.assert_array_equal(periodic_box(positions, cell, [True] * 3, 6.0), cell)
