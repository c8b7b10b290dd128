"""Reading a recipe from wherever Beam's FileSystems reach."""

from pathlib import Path

from pipelines import files
from schemas.errors import RecipeError
from schemas.recipe import MAX_FILE_BYTES, Recipe, load_recipe, parse_recipe


def read_recipe(path: str) -> Recipe:
    """The recipe at a path or a URL such as gs://bucket/recipe.toml.

    Raises RecipeError that names the file, the key, the value and the remedy.
    """
    if "://" not in path:
        return load_recipe(Path(path))
    try:
        size = files.listing(path).get(path)
        if size is not None and size <= MAX_FILE_BYTES:
            return parse_recipe(files.read_bytes(path), path)
    except (OSError, ValueError) as error:  # BeamIOError is an OSError; a scheme that no file system serves, ValueError
        raise RecipeError(f"{path}: cannot read the recipe: {error}.") from error
    cause = "there is no such file" if size is None else f"{size:,} bytes are no recipe"
    raise RecipeError(f"{path}: cannot read the recipe: {cause}.")
