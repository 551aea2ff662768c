import base64
import dataclasses
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from lib import charts, exports, lanes
from lib.charts import offline
from lib.lab import recordings
from lib.recording import CallError, Instrument
from tests import measured
from tests.experiments import call, experiment, simple

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*7 }}"


class _Tags(HTMLParser):
    """Counts elements and keeps what is inside the data island."""

    def __init__(self, html):
        super().__init__()
        self.tags = []
        self.links = []
        self.texts = {}
        self._open = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [v for k, v in attrs if k in ("src", "href", "srcset", "action", "data", "poster")]
        self._open = f"{tag}#{dict(attrs).get('id') or dict(attrs).get('type') or ''}"

    def handle_data(self, data):
        self.texts[self._open] = self.texts.get(self._open, "") + data


def _evil():
    cut = CallError("cut", EVIL)
    return experiment(
        call(0, "blocking", [(1.0, "content", EVIL), (1.0, "finish", "")]),
        call(1, "streaming", [(0.2, "content", EVIL)], state="failed", cut=cut),
        models=(EVIL,),
        prompt=EVIL,
    )


def test_the_preset_is_one_file_with_charts_of_less_than_300_kb_beside_the_chart_library():
    html = exports.html_file(recordings.experiment("text-davinci-002-2022-10"), link=None)
    assert html.count('class="chart"') == 3
    assert html.count(offline.packed()) == 1
    assert len(html.encode()) - len(offline.packed()) <= 300_000


def test_figures_are_told_in_the_light_and_turn_into_the_dark_ones():
    rows = lanes.entries(recordings.experiment("text-davinci-002-2022-10"))
    light, dark = (
        offline.drawn("", "", charts.arrivals_figure(rows, range_s=None, dark=dark)) for dark in (False, True)
    )
    night = offline.night([light])
    assert light.figure != dark.figure
    assert offline.COLOUR.sub(lambda found: night.get(found[0], found[0]), light.figure) == dark.figure


def test_a_measurement_begins_with_its_verdict():
    html = exports.html_file(measured.experiment(6), link=None)
    assert html.index("sooner") < html.index("One pair, played") < html.index("Every pair, in the order")


def test_what_never_arrived_has_no_chart_and_no_library():
    nothing = experiment(call(0, "blocking", [], state="failed"), call(1, "streaming", [], state="failed"))
    html = exports.html_file(nothing, link=None)
    assert "In pictures" not in html
    assert len(html) <= 100_000


def test_the_file_refers_to_nothing_outside():
    html = exports.html_file(simple(), link="http://localhost:8501/experiment?id=abc")
    parsed = _Tags(html)
    assert parsed.links == []
    assert "url(" not in html
    assert "@import" not in html
    assert not {"link", "img", "iframe", "object", "base"} & set(parsed.tags)


def test_the_file_holds_sentence_numbers_caveat_and_question():
    html = exports.html_file(recordings.experiment("text-davinci-002-2022-10"), link=None)
    for words in (
        'Streaming showed its first text after <strong class="short">0.16 s</strong>',
        "Time to first visible text",
        "One pair: a look, not a measurement.",
        "1,2,3,",
        "text-davinci-002",
        "193",
        "12 October 2022",
        "OpenAI Cookbook",
        "MIT",
    ):
        assert words in html


def test_the_link_is_shown_only_when_there_is_one():
    address = "http://localhost:8501/experiment?id=abc"
    assert address in exports.html_file(simple(), link=address)
    assert "From http" not in exports.html_file(simple(), link=None)


def test_the_island_holds_the_heros_data():
    parsed = _Tags(exports.html_file(simple(), link=None))
    assert json.loads(parsed.texts["script#data"]) == lanes.hero_data(simple(), speed=2.0)


def test_untrusted_text_brings_no_element_and_no_template():
    clean, evil = (
        _Tags(exports.html_file(_evil_free(), link=None)),
        _Tags(exports.html_file(_evil(), link=EVIL)),
    )
    assert set(evil.tags) == set(clean.tags)
    assert evil.tags.count("script") == 4
    html = exports.html_file(_evil(), link=EVIL)
    assert "{{ 7*7 }}" in html
    assert html.count("</script>") == 4


def test_the_policy_forbids_everything_but_the_files_own_script():
    html = exports.html_file(simple(), link=None)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html).group(1)
    assert "default-src 'none'" in policy
    body = html.split('<script type="module">')[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
    library = base64.b64encode(hashlib.sha256(offline.script().encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}' 'sha256-{library}';" in policy.replace("&#43;", "+").replace(
        "&#39;", "'"
    )


def test_the_keys_name_stays_at_home():
    assert "SECRET_KEY" not in exports.html_file(simple(), link=None)


def test_half_a_character_does_not_stop_the_file():
    one = experiment(
        call(0, "streaming", [(0.2, "content", "\ud83d"), (0.3, "content", "\ude00")]), prompt="\ud83d"
    )
    html = exports.html_file(one, link=None)
    html.encode()
    assert "\\ud83d" in html


@pytest.mark.parametrize(
    ("stamps", "words"), [("kernel", "by the kernel as bytes arrived"), ("user", "after each read")]
)
def test_the_file_says_what_took_the_stamps(stamps, words):
    instrument = Instrument("p", "local", stamps, "other", 1, ())
    base = simple()
    calls = tuple(dataclasses.replace(c, instrument=instrument) for c in base.calls)
    assert words in exports.html_file(dataclasses.replace(base, calls=calls), link=None)


def test_several_arms_have_a_table_each():
    calls = [
        call(2 * a + i, mode, [(1.0 + a, "content", "x"), (1.0 + a, "finish", "")], arm=a)
        for a in range(2)
        for i, mode in enumerate(("blocking", "streaming"))
    ]
    html = exports.html_file(experiment(*calls, models=("model-a", "model-b")), link=None)
    assert html.count("<table>") == 2
    assert html.index("model-a") < html.index("model-b")


@pytest.mark.parametrize("state", ["planned", "failed", "unknown", "dropped"])
def test_an_experiment_of_which_nothing_is_known_still_makes_a_file(state):
    one = experiment(call(0, "blocking", None, state=state), call(1, "streaming", None, state=state))
    assert "What was asked" in exports.html_file(one, link=None)


def _evil_free():
    cut = CallError("cut", "It closed.")
    return experiment(
        call(0, "blocking", [(1.0, "content", "a"), (1.0, "finish", "")]),
        call(1, "streaming", [(0.2, "content", "a")], state="failed", cut=cut),
    )
