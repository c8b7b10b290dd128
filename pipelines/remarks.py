"""What a finished build tells its user, in words."""

from collections.abc import Sequence
from typing import Any

from pipelines.answers import spent
from pipelines.books import open_accounts, rejected_share
from pipelines.manifests import Manifest
from pipelines.script_chunks import script_usage
from schemas.recipe import Recipe


def remarks(manifest: Manifest, work: str) -> list[str]:
    """What a user should know of a finished corpus, in words: dead letters, and hours missing (never topped up)."""
    remarks = dead_letters(manifest["dead"], work)
    for kind, plan in manifest["recipe"]["kinds"].items():
        accounts = [account for key, account in manifest["books"].items() if key.split()[0] == kind]
        hours = sum(account["seconds"]["accepted"] for account in accounts) / 3600
        if plan["hours"] is not None and hours < plan["hours"]:
            remarks.append(f"{kind}: {hours:.2f} of the {plan['hours']:g} hours asked for were accepted.")
    return remarks


def dead_letters(dead: Sequence[dict[str, Any]], work: str) -> list[str]:
    """How many there are, what the first one says, and what to do; nothing if there are none."""
    if not dead:
        return []
    first = dead[0]
    letters = f"{len(dead)} dead letter{'s' if len(dead) > 1 else ''}"
    return [
        f"{letters}; the first: {first['stage']} on {first['record_id']}: {first['cause']}\n"
        f"To see it fail: troupe replay {first['record_id']} --work {work}\n"
        "When the cause is mended: build --retry-dead"
    ]


def costs(work: str) -> str:
    """What endpoints charged for a work folder, in words; empty if none was asked."""
    usage = script_usage(work)
    paid_usd = spent(work)
    if not usage.requests and not paid_usd:
        return ""
    tokens = f"{usage.prompt_tokens} + {usage.completion_tokens} tokens"
    return (
        f"The scripts took {usage.requests} requests, {tokens}, {usage.usd:.4f} USD; all that was paid for in {work} "
        f"comes to {paid_usd:.4f} USD."
    )


def left_out(count: int) -> list[str]:
    """That dialogues were not attempted, and what to do; nothing if there are none."""
    if not count:
        return []
    return [
        f"{count} dialogues were not attempted: their scripts could have passed run.max_cost_usd. Raise it and build "
        "again: what was paid for is kept."
    ]


def shortfalls(manifest: Manifest) -> list[str]:
    """What is wrong with a finished corpus, in words: open books, too much rejected, an empty split."""
    recipe = Recipe.model_validate(manifest["recipe"])
    wrong = [f"The books do not close: {account}." for account in open_accounts(manifest["books"])]
    wrong += left_out(int(sum(account["dialogues"]["not attempted"] for account in manifest["books"].values())))
    share = rejected_share(manifest["books"])
    if share > recipe.select.max_rejected_share:
        wrong.append(
            f"{share:.1%} of the dialogues were rejected, more than select.max_rejected_share = "
            f"{recipe.select.max_rejected_share:.1%}; the rejects table says why."
        )
    filled = {s["file"].split("/")[1].split("-")[0] for s in manifest["shards"] if s["file"].startswith("dialogues/")}
    empty = [split for split in recipe.splits if split not in filled]
    return wrong + [f"Split '{split}' has no dialogue: plan more dialogues, or raise its share." for split in empty]
