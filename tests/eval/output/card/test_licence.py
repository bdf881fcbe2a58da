"""The strictest of several licences, as the hub names it."""

import pytest

from whyser.records.corpus import CorpusCard
from whyser_converters.corpora.registry import CORPORA
from whyser_eval.output.card.licence import is_address, kind_of, strictest


def corpus(name, licence, source="https://example.org/a"):
    return CorpusCard(
        corpus=name,
        title=name.upper(),
        licence=licence,
        source=source,
        audio_root=None,
        classes=("sad",),
        utterances=0,
        hours=None,
        read=0,
        whyser="0.1.0",
    )


@pytest.mark.parametrize(
    ("licence", "kind"),
    [
        ("CC0 1.0", "free"),
        ("public domain", "free"),
        ("CC BY 4.0", "attribution"),
        ("CC-BY-SA-4.0", "share alike"),
        ("GPL-3.0", "share alike"),
        ("cc by-nc 4.0", "non-commercial"),
        ("free for non commercial use", "non-commercial"),
        ("CC BY-NC-ND 4.0", "restricted"),
        ("EULA, on request", "restricted"),
        ("CC BY 4.0, for research only", "restricted"),
        ("", "unknown"),
        ("see the website", "unknown"),
        # Words that only hold the letters of a licence's terms.
        ("dance and encore", "unknown"),
    ],
)
def test_a_licence_is_read_by_its_strictest_word(licence, kind):
    assert kind_of(licence) == kind


def test_every_corpus_of_the_registry_is_read():
    kinds = {name: kind_of(spec.licence) for name, spec in CORPORA.items()}
    assert kinds == {
        "msp_podcast": "restricted",
        "iemocap": "restricted",
        "meld": "restricted",
        "crema_d": "share alike",
        "ravdess": "non-commercial",
    }


@pytest.mark.parametrize(
    ("licences", "metadata"),
    [
        (["CC BY 4.0", "CC BY-NC-SA 4.0", "GPL-3.0"], {"license": "cc-by-nc-sa-4.0"}),
        (["CC BY-NC 4.0", "cc-by-nc-4.0"], {"license": "cc-by-nc-4.0"}),
        (["ODbL 1.0"], {"license": "odbl"}),
        # Two as strict as each other have no common one.
        (
            ["CC BY-NC-SA 4.0", "CC BY-NC 4.0", "MIT"],
            {"license": "other", "license_name": "terms-of-c0-c1"},
        ),
        (
            ["My Licence, 1.0!", "MIT"],
            {
                "license": "other",
                "license_name": "my-licence-1.0",
                "license_link": "https://example.org/a",
            },
        ),
        # An unknown one may be as strict as one for research only.
        (
            ["research only", "see the website", "MIT"],
            {"license": "other", "license_name": "terms-of-c0-c1"},
        ),
        (["研究用"], {"license": "other", "license_name": "terms-of-c0",
                     "license_link": "https://example.org/a"}),
    ],
)  # fmt: skip
def test_the_strictest_licence_is_named(licences, metadata):
    cards = [corpus(f"c{number}", licence) for number, licence in enumerate(licences)]
    assert strictest(cards).metadata == metadata
    assert strictest(cards[::-1]).kinds == strictest(cards).kinds


def test_a_warning_names_the_corpora_that_decide():
    cards = [corpus("a", "MIT"), corpus("b", "research only"), corpus("c", "signed")]
    assert strictest(cards).warning.startswith("The licence of B and C allows research only")
    assert "of A is non-commercial" in strictest([corpus("a", "CC BY-NC 4.0")]).warning
    assert "of A asks for the same licence" in strictest([corpus("a", "GPL-3.0")]).warning
    assert strictest(cards[:1]).warning == ""
    # Each of those that are as strict as each other says its own.
    both = strictest([*cards[:2], corpus("d", "x")]).warning
    assert "of D has no words" in both and "of B allows research only" in both


def test_only_an_address_is_linked_to():
    assert is_address("https://zenodo.org/records/1188976?a=1&b=2#c")
    for source in ("javascript:alert(1)", "https://a.b/c d", "https://a.b/>", "http://", "a.b"):
        assert not is_address(source)
    assert "license_link" not in strictest([corpus("a", "x", "ask me")]).metadata
