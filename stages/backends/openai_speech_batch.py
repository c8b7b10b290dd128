"""Many lines in one request: `POST {base_url}/audio/speech/batch`, which vLLM-Omni has beside the protocol.

The body is {"model": …, "items": [{"input": …, …}, …]}, the answer JSON: {"results": [{"index": 0, "status": "success",
"audio_data": BASE64}, {"index": 1, "status": "error", "error": …}, …]}. Items have no seed.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

from stages.backends.audio_service import AudioService
from stages.backends.http_trouble import EndpointTrouble
from stages.backends.protocols import Performance
from stages.backends.served_audio import read_audio
from stages.synthesize_speech import check_speech

MOST = 32
"""Items of a request: vLLM-Omni takes no more."""


def send_batch(endpoint: AudioService, bodies: Sequence[dict[str, Any]]) -> list[Performance | None]:
    """One request for all bodies of `/audio/speech`, which have one model; None in the place of what did not come, or
    cannot be its `input`. Raises EndpointTrouble for an answer that is none."""
    items = [{key: value for key, value in body.items() if key != "model"} for body in bodies]
    request = {"model": bodies[0]["model"], "items": items}
    answer = endpoint.post("/audio/speech/batch", "JSON", lambda response: bool(response.content), json=request)
    try:
        results = json.loads(answer)["results"]
        heard = {result["index"]: result.get("audio_data") for result in results if result["status"] == "success"}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise EndpointTrouble("not the results of a batch") from None
    return [_performance(heard.get(place), body["input"]) for place, body in enumerate(bodies)]


def _performance(data: Any, text: str) -> Performance | None:
    try:
        performance = Performance(*read_audio(base64.b64decode(data, validate=True)), ())
        check_speech(text, performance)
    except (ValueError, TypeError, binascii.Error):
        return None
    return performance
