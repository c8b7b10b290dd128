"""Where a torch model of a production back end runs, in which precision, and how many clips at a time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.errors import RecipeError

DTYPES = ("auto", "float32", "float16", "bfloat16")
PLACES = ("device", "dtype")


@dataclass(frozen=True)
class Placement:
    """`device` as torch names it ("cpu", "cuda:1"); "auto" is a GPU where there is one. `dtype` is one of DTYPES;
    "auto" is half precision on a GPU. Both are settings of a recipe."""

    device: str = "auto"
    dtype: str = "auto"

    def resolved(self) -> tuple[Any, Any]:
        """(torch.device, torch.dtype). Raises RecipeError for a device that is not here, or a dtype that is none."""
        import torch

        found = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            device = torch.device(found if self.device == "auto" else self.device)
        except (RuntimeError, TypeError) as error:
            raise RecipeError(f"settings.device: '{self.device}' is no device; use 'auto', 'cpu' or 'cuda'.") from error
        if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
            raise RecipeError(
                f"settings.device: '{self.device}' is not here, torch sees {torch.cuda.device_count()} GPUs; "
                "use 'auto' or 'cpu'."
            )
        if self.dtype not in DTYPES:
            raise RecipeError(f"settings.dtype: '{self.dtype}' is none; use one of: {', '.join(DTYPES)}.")
        if self.dtype == "auto":
            return device, torch.float16 if device.type == "cuda" else torch.float32
        return device, getattr(torch, self.dtype)


def elsewhere(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a back end, less where it ran: who opens it again may have another machine."""
    return {name: value for name, value in settings.items() if name not in PLACES}


def batches(lengths_s: Sequence[float], budget_s: float) -> Iterator[list[int]]:
    """Positions of clips that go through a model together: like lengths together, the longest times their number at
    most `budget_s`. A clip that is longer alone goes alone; so does every clip with a budget of 0."""
    batch: list[int] = []
    for position in sorted(range(len(lengths_s)), key=lambda index: -lengths_s[index]):
        if batch and lengths_s[batch[0]] * (len(batch) + 1) > budget_s:
            yield batch
            batch = []
        batch.append(position)
    if batch:
        yield batch
