"""On PYTHONPATH, this registers the fakes in every process of a build, workers included; see tests/fakes.py."""

from stages.backends import registry
from tests.fakes import FAKES

registry.BACKENDS.update(FAKES)
