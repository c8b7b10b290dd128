"""References of voices that an endpoint said, on disk: a character is heard once, in whatever process and run, though
the endpoint should never say the same twice.

    voices/3f0c….json      {"flac": BASE64}, by digest of the back end and the character
"""

import base64
import io
import json
from dataclasses import dataclass

from pipelines import files
from pipelines.trouble import disk_errors, tell
from schemas.errors import DamagedError
from schemas.recipe import BackendChoice
from schemas.script import Character
from schemas.take import SAMPLE_RATE, Samples
from stages.backends.served_audio import read_audio


@dataclass(frozen=True)
class FileReferences:
    """`References` in a work folder, for one back end with its settings; processes may share it."""

    work: str
    choice: BackendChoice
    fingerprint: str

    def find(self, character: Character) -> Samples | None:
        """The kept reference; None if there is none, or a damaged one, which is said and goes: it is heard again."""
        path = self._path(character)
        with disk_errors(self.work):
            if not files.exists(path):
                return None
            try:
                samples, _ = read_audio(base64.b64decode(files.read_sealed(path)["flac"]))
            except DamagedError as error:
                tell(error)
                files.delete([path])
                return None
            return samples

    def keep(self, character: Character, reference: Samples) -> Samples:
        """What is kept from now on: the first reference of all that several processes may have heard at once."""
        import soundfile

        flac = io.BytesIO()
        soundfile.write(flac, reference, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
        with disk_errors(self.work):
            files.write_first(self._path(character), {"flac": base64.b64encode(flac.getvalue()).decode()})
        kept = self.find(character)
        return reference if kept is None else kept

    def _path(self, character: Character) -> str:
        back_end = json.dumps(self.choice.model_dump(mode="json", exclude={"service"}), sort_keys=True)
        digest = files.sha256("\n".join((back_end, self.fingerprint, character.model_dump_json())).encode())
        return files.join(self.work, "voices", f"{digest}.json")
