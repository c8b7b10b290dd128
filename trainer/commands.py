"""The trainer's part of the command line: train, speak, evaluate."""

import argparse
import math
import sys
from pathlib import Path
from typing import Any

SIZES = "nano, mini, small, or the folder of a model or of a Qwen3 checkpoint with its tokenizer"


def add_commands(commands: Any) -> None:
    """Add the trainer's commands to the parser's. Imports neither torch nor transformers."""
    train = commands.add_parser("train", help="train a spoken language model on a corpus")
    train.add_argument("corpus", help="folder given to build as --out")
    train.add_argument("--size", default="nano", help=f"{SIZES} (default: %(default)s)")
    train.add_argument("--out", required=True, help="folder of the model")
    train.add_argument("--stage", default="scratch", help="scratch, 0, 1, 2 or finetune (default: %(default)s)")
    train.add_argument("--steps", type=int, help="optimizer steps (default: the stage's)")
    train.add_argument("--learning-rate", type=float, help="at its highest (default: the stage's)")
    train.add_argument("--positions", type=int, default=2048, help="length of a packed row (default: %(default)s)")
    train.add_argument("--accumulate", type=int, default=1, help="rows an optimizer step (default: %(default)s)")
    train.add_argument(
        "--weights", default="", help="how often a sample is seen, by task: tts=2,asr=0.5 (default: 1 each)"
    )
    train.add_argument("--seed", type=int, default=1, help="decides the order of samples and the first weights")
    train.add_argument("--bf16", action="store_true", help="compute in bfloat16")
    train.add_argument(
        "--samples-every", type=int, default=0, metavar="STEPS", help="speak a sentence so often (0: never)"
    )
    train.add_argument(
        "--code-dropout", type=float, default=0.0, help="share of the audio not seen in training (default: %(default)s)"
    )
    train.add_argument(
        "--splice",
        type=float,
        default=0.0,
        help="share of spoken readings put together from pieces (default: %(default)s)",
    )
    train.add_argument("--resume", action="store_true", help="go on from the last checkpoint in --out")
    train.set_defaults(run=_train)
    speak = commands.add_parser("speak", help="let a model speak, chat, play a role or sing")
    speak.add_argument("model", help="folder of a model; nano for the one that comes along")
    speak.add_argument("text", nargs="?", default="", help="what to say, to ask, or to answer")
    speak.add_argument(
        "--task",
        choices=["tts", "chat", "roleplay", "sing"],
        help="default: sing with --song, roleplay with --role, else tts",
    )
    speak.add_argument("--role", help="a character the model knows, by name or description")
    speak.add_argument("--song", help="a song of the songbook, by its file's name")
    speak.add_argument("--temperature", type=float, default=0.0, help="0 (default): the likeliest codes")
    speak.add_argument("--seed", type=int, default=0)
    speak.add_argument("--out", required=True, metavar="FILE.wav")
    speak.set_defaults(run=_speak)
    evaluate = commands.add_parser("evaluate", help="measure a model on the test split of a corpus")
    evaluate.add_argument("model", help="folder of a model; nano for the one that comes along")
    evaluate.add_argument("corpus", help="folder given to build as --out")
    evaluate.add_argument("--split", default="test")
    evaluate.add_argument("--count", type=int, default=100, help="samples of each task (default: %(default)s)")
    evaluate.add_argument("--out", metavar="FILE.json", help="write the figures there too")
    evaluate.set_defaults(run=_evaluate)


def _train(options: argparse.Namespace) -> int:
    from trainer.train import Plan, train

    _all_cores()
    given = {name: getattr(options, name) for name in ("size", "stage", "steps", "learning_rate", "positions")}
    given |= {
        name: getattr(options, name)
        for name in ("accumulate", "seed", "bf16", "code_dropout", "splice", "samples_every", "resume")
    }
    record = train(Plan(options.corpus, Path(options.out), weights=_weights(options.weights), **given))
    left_out = record["left out of the last epoch"]
    for task, count in left_out["counts"].items():
        print(
            f"troupe: {count} samples of {task} are longer than {options.positions} positions and were left out, "
            f"the first: {', '.join(left_out['first'][:3])}",
            file=sys.stderr,
        )
    print(f"{options.out}: {record['steps']} steps; speak with: troupe speak {options.out} 'Hello.' --out hello.wav")
    return 0


def _weights(text: str) -> dict[str, float]:
    from schemas.errors import RecipeError

    weights = {}
    for entry in filter(None, text.split(",")):
        task, _, number = entry.partition("=")
        try:
            weights[task.strip()] = weight = float(number)
        except ValueError:
            weight = -1.0
        if not 0 <= weight < math.inf:
            raise RecipeError(f"--weights {entry}: write task=number, as in tts=2,asr=0.5.")
    return weights


def _speak(options: argparse.Namespace) -> int:
    from trainer.speak import speak, write_wav

    spoken = speak(
        _folder(options.model),
        options.text,
        options.task,
        options.role,
        options.song,
        options.temperature,
        options.seed,
    )
    write_wav(options.out, spoken)
    seconds = len(spoken.samples) / spoken.rate_hz
    print(f"{options.out}: {seconds:.1f} s: {spoken.text}")
    if not spoken.reply.ended:
        print("troupe: the model did not come to an end and was cut off.", file=sys.stderr)
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from trainer.evaluate import evaluate, table

    figures = evaluate(_folder(options.model), options.corpus, options.split, options.count)
    print(table(figures))
    if options.out:
        import json

        Path(options.out).write_text(json.dumps(figures, indent=1, ensure_ascii=False), "utf-8")
    return 0


def _folder(name: str) -> Path:
    if name == "nano" and not Path(name).exists():
        from trainer.speak import BUNDLED

        return BUNDLED
    return Path(name)


def _all_cores() -> None:
    """Training is one process: it may use what the pipeline's many single-threaded ones do not. Numbers next to zero
    are zero: processors are slow with them."""
    import os

    import torch

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.set_flush_denormal(True)
