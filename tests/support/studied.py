"""The toy campaign with a study of each kind: of argon, small enough to run in a test."""

from pathlib import Path

from toy import TOY, argon_frames

RUN = "{temperature: 40 K, timestep: 2 fs, length: 0.4 ps, frame_every: 4 fs, checkpoint_every: 80 fs}"
STUDIES = f"""\
studies:
  learning:
    kind: data-efficiency
    dataset: argon
    validation: 4
    test: 4
    models: [pairs]
    sizes: [4, 8]
    repeats: 2
  hold:
    kind: stability
    dataset: argon
    validation: 4
    test: 4
    models: [pairs]
    sizes: [4]
    repeats: 2
    start: {{dataset: argon, frames: [0, 1]}}
    md: {RUN}
    reference: crystal
  heat:
    kind: thermostats
    start: {{dataset: argon}}
    md: {RUN}
    cases:
      chain: {{committee: pairs, engine: ase}}
      noise: {{committee: pairs, engine: ase, thermostat: {{kind: langevin, friction: 1 1/ps}}}}
  cost:
    kind: speed
    committees: [pairs, hold-pairs-4]
    engines: {{hold-pairs-4: [ase]}}
    start: {{dataset: argon}}
    temperature: 40 K
    timestep: 2 fs
    block_time: 0.05 s
    copies: 2
"""
STUDIED = TOY + STUDIES


def write_studied(folder: Path, text: str = STUDIED) -> Path:
    """The campaign's YAML with its data beside it."""
    argon_frames(folder)
    path = folder / "studied.yaml"
    path.write_text(text)
    return path
