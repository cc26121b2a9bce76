"""Runs every proof of the grader whole, and prints the tables. `make certify`

python -m tests.certify [--seeds N] [--exercise NN]
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from course.grading.jail import Jail
from course.release import exercises, find
from tests import proofs
from tests.attack_run import Class, failures


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=200, help="fresh seeds for each right answer")
    parser.add_argument("--exercise", metavar="NN", help="only the answers to this one")
    options = parser.parse_args()
    began = time.monotonic()
    names = [find(options.exercise)] if options.exercise else exercises()
    others = [] if options.exercise else [attacks(), fuzz()]
    sound = all([*others, *(answers(name, options.seeds) for name in names)])
    print(f"{'all proofs hold' if sound else 'A PROOF FAILED'}; {time.monotonic() - began:.0f} s")
    return 0 if sound else 1


def attacks() -> bool:
    """Every attack; those that only sleep are stopped sooner than by the grader."""
    with tempfile.TemporaryDirectory() as folder:
        graded = Class(Path(folder), slow=True).grade(step_s=30.0)
    print(f"\n{'submission':<34} {'points':>6}  {'honest':>6}  status")
    for name, attack in graded.expected.items():
        row = graded.rows[name]
        shown = name.encode("unicode_escape").decode()[:33]
        print(f"{shown:<34} {row.score:>6g}  {attack.earned:>6g}  {row.status}")
    wrong = failures(graded)
    for line in wrong:
        print("FAILED", line)
    print(f"{len(graded.expected)} submissions, {len(wrong)} failures, {graded.seconds:.0f} s")
    return not wrong


def fuzz() -> bool:
    """Notebooks and messages that nobody would write: never an unhandled error, never a hang."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_wire.py"]
    print("\nfuzzing, 2000 examples each", flush=True)
    return subprocess.run(command, env={**os.environ, "COURSE_FUZZ": "2000"}).returncode == 0


def answers(name: str, seeds: int) -> bool:
    """Wrong and right answers to one exercise."""
    exercise = proofs.provable(name)
    print(f"\n{name:<24} {'wrong':>5} {'lose':>5} {'named':>6} {'right':>6} {'graded':>7} rejected")
    sound = True
    with Jail(exercise) as jail:
        for function in exercise.answers:
            wrong = [a for a in proofs.mistakes(exercise) if a.function == function]
            lose = name_it = 0
            for answer in wrong:
                with proofs.answered(jail, exercise, answer) as session:
                    found = proofs.results(session, seed=1)
                lose += proofs.loses(found, answer)
                name_it += proofs.named(found, answer)
                if not proofs.loses(found, answer):
                    print(f"  {answer.name} loses nothing, or not its own points")
            right = [a for a in proofs.rights(exercise) if a.function == function]
            secret = proofs.secret_only(exercise, function)
            graded = rejected = 0
            for answer in right:
                for among, count in ((exercise, 1), (secret, seeds - 1 if secret.tests else 0)):
                    with proofs.answered(jail, among, answer) as session:
                        for seed in range(count):
                            found = proofs.results(session, seed)
                            graded += 1
                            rejected += any(test.earned < test.points for test in found)
            print(
                f"  {function:<22} {len(wrong):>5} {lose:>5} {name_it / max(1, len(wrong)):>6.0%} "
                f"{len(right):>6} {graded:>7} {rejected:>8}"
            )
            enough = len(wrong) >= 8 and len(right) >= 5
            sound = sound and enough and lose == len(wrong) and rejected == 0
            if not secret.tests:
                print(f"  the tests of {function} draw no secret inputs")
                sound = False
            sound = sound and name_it >= 0.8 * len(wrong)
    return sound


if __name__ == "__main__":
    sys.exit(main())
