"""Real weights, for the tests that are over them: what the set-up has fetched, and nothing from the network."""

import os

import pytest

from transformer_lib.data.archives import ArchiveError


@pytest.fixture(scope="session")
def real():
    """Return a function that makes sure of an archive; without it a test is skipped, in CI it fails."""

    def make_sure(archive):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PIP_CONFIG_FILE", os.devnull)
            patch.setenv("PIP_NO_INDEX", "1")
            patch.delenv("PIP_FIND_LINKS", raising=False)
            try:
                archive.members()
            except ArchiveError as error:
                (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))

    return make_sure
