"""Train committees of interatomic potentials, run MD with them, and report how far results can be trusted."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mlipbench_hpc.cli import (
    architectures,
    campaign,
    clean,
    direct,
    doctor,
    export,
    images,
    plan,
    run,
    task,
    truth,
)
from mlipbench_hpc.cli.session import Session
from mlipbench_hpc.contract.folder import NotAStore
from mlipbench_hpc.contract.printing import WhileRead
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.runtime.trouble import Trouble

EXIT_UNFINISHED = 1
EXIT_REFUSED = 2
EXIT_STOPPED = 130
ROOMS = (campaign, plan, run, task, export, truth, architectures, images, doctor, direct, clean)


def parser() -> argparse.ArgumentParser:
    """The command line; every option that a Session reads has a value for every verb."""
    top = argparse.ArgumentParser(prog="mlipbench", description=__doc__)
    top.set_defaults(
        campaign=Path(), store=None, needs_site=True, take_over=False, submitted=False, part=None
    )
    top.set_defaults(opens_trajectories=False)
    verbs = top.add_subparsers(dest="verb", required=True)
    for room in ROOMS:
        room.add_verbs(verbs)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point. A reader of its output, such as `head`, may stop reading."""
    with WhileRead():
        return carried_out(parser().parse_args(arguments))
    return EXIT_UNFINISHED


def carried_out(options: argparse.Namespace) -> int:
    """The exit code; mistakes of the user give 2 and words, never a traceback."""
    from mlipbench_hpc.architectures.card import CardError
    from mlipbench_hpc.campaign.problem import CampaignError, StudyError
    from mlipbench_hpc.contract.verbs import VerbError
    from mlipbench_hpc.report.text import count

    try:
        return int(options.function(Session(options.campaign, options)))
    except CampaignError as error:
        print(f"{error}\n{count(len(error.problems), 'mistake')}; nothing was run", file=sys.stderr)
    except (InputFailure, NotAStore, CardError, StudyError, VerbError, Trouble) as error:
        print(str(error), file=sys.stderr)
    except BrokenPipeError:
        raise
    except OSError as error:
        print(f"{error.filename or options.campaign}: {error.strerror}", file=sys.stderr)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return EXIT_STOPPED
    return EXIT_REFUSED
