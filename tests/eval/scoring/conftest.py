"""A run that must succeed."""

import pytest


@pytest.fixture
def run(world, whyser_eval):
    """Scores the world with further options; returns standard output and standard error."""

    def score(*more):
        status, out, err = whyser_eval(*world.score_arguments(*more))
        assert status == 0, err
        return out, err

    return score
