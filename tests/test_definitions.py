"""Other tools' numbers from the worked example, and when there are none."""

import dataclasses
import math

import pytest

from lib.definitions import FAILED, NOT_STREAMED, TOOLS, WHOLE_BENCHMARK, Row, etalon, table
from lib.facts import Facts
from lib.metrics import METRICS
from lib.reader import READER, Deadlines
from lib.timeline import Recount, Timeline
from tests.figures import CONTENT, DONE, EDGES, FINISH, ROLE, WORKED, blocking, streaming

EXPECT = {
    ("vLLM bench", "TTFT"): 0.1,
    ("vLLM bench", "E2EL"): 2.22,
    ("vLLM bench", "TPOT"): 0.070666667,
    ("vLLM bench", "mean ITL"): 0.141333333,
    ("vLLM bench", "median ITL"): 0.1,
    ("AIPerf", "TTFT"): 0.3,
    ("AIPerf", "TTST"): 0.2,
    ("AIPerf", "TTFO"): 1.2,
    ("AIPerf", "request latency"): 2.2,
    ("AIPerf", "OSL"): 30,
    ("AIPerf", "ITL"): 0.065517241,
    ("AIPerf", "ITL, server's count"): 0.063333333,
    ("AIPerf", "mean ICL"): 1.9 / 13,
    ("AIPerf", "tokens per second per user"): 15.263157895,
    ("AIPerf", "output throughput"): 13.636363636,
    ("AIPerf", "prefill throughput"): 40,
    ("GuideLLM", "TTFT"): 0.3,
    ("GuideLLM", "TTFOT"): 1.2,
    ("GuideLLM", "request latency"): 2.25,
    ("GuideLLM", "TPOT"): 0.070967742,
    ("GuideLLM", "ITL"): 0.063333333,
    ("GuideLLM", "output tokens per second"): 13.777777778,
    ("LLMPerf", "TTFT"): 1.2,
    ("LLMPerf", "chunks counted as tokens"): 16,
    ("LLMPerf", "end-to-end latency"): 2.26,
    ("LLMPerf", "inter-token latency"): 0.1375,
    ("LLMPerf", "output throughput"): 10.619469027,
    ("Etalon", "TTFT"): 1.2,
    ("Etalon", "end-to-end latency"): 2.2,
    ("Etalon", "TPOT"): 0.043478261,
    ("Etalon", "output throughput"): 10.909090909,
    ("Etalon", "fluidity index"): 0.6875,
    ("MLPerf loadgen", "TTFT"): 0.3,
    ("MLPerf loadgen", "latency"): 2.22,
    ("MLPerf loadgen", "TPOT"): 0.064,
    ("OpenTelemetry", "gen_ai.client.operation.time_to_first_chunk"): 0.1,
    # 17 chunks from 0.10 to 2.25 s, usage included
    ("OpenTelemetry", "gen_ai.client.operation.time_per_output_chunk"): 2.15 / 16,
    ("OpenTelemetry", "gen_ai.client.operation.duration"): 2.26,
    ("OpenTelemetry", "gen_ai.server.time_per_output_token"): 0.065333333,
    ("Artificial Analysis", "TTFT"): 0.3,
    ("Artificial Analysis", "time to first answer token"): 1.2,
    ("Artificial Analysis", "output speed, answer"): 23,
    ("Artificial Analysis", "output speed, with reasoning"): 14.736842105,
    ("Artificial Analysis", "end-to-end, 500 tokens"): 22.939130435,
    ("OpenAI Cookbook", "time of the first chunk"): 0.1,
    ("OpenAI Cookbook", "full response"): 2.25,
}


def rows(timeline: Timeline, recount: Recount | None) -> dict[tuple[str, str], Row]:
    return {(r.tool, r.name): r for r in table(timeline, recount)}


def test_the_worked_example_under_every_name() -> None:
    found = {k: r.value for k, r in rows(WORKED.timeline, WORKED.recount).items() if r.value is not None}
    assert found.keys() == EXPECT.keys()
    assert not {k: (found[k], v) for k, v in EXPECT.items() if not math.isclose(found[k], v, rel_tol=1e-6)}


def test_half_a_second_to_the_first_token_is_met_or_missed_by_definition() -> None:
    found = rows(WORKED.timeline, WORKED.recount)
    met = {
        tool for (tool, name), r in found.items() if name == "TTFT" and r.value is not None and r.value <= 0.5
    }
    assert met >= {"vLLM bench", "AIPerf", "GuideLLM", "Artificial Analysis"}
    assert not met & {"LLMPerf", "Etalon"}


def test_a_rate_of_a_whole_benchmark_is_no_number_of_a_call() -> None:
    found = rows(WORKED.timeline, WORKED.recount)
    for key in (("vLLM bench", "output throughput"), ("MLPerf loadgen", "tokens per second")):
        assert (found[key].value, found[key].reason) == (None, WHOLE_BENCHMARK)


@pytest.mark.parametrize("case", [WORKED, *EDGES.values()], ids=["worked", *EDGES])
def test_every_row_has_a_number_or_a_reason(case: object) -> None:
    assert isinstance(case, tuple)
    for recount in (case[1], None):
        found = table(case[0], recount)
        assert len({(r.tool, r.name) for r in found}) == len(found)
        for row in found:
            assert (row.value is None) == (row.reason is not None)
            assert row.definition
            assert row.why
            assert row.ours in {"", *METRICS, *READER}


def test_a_failed_call_has_no_numbers_there() -> None:
    assert {r.reason for r in table(*EDGES["cut_short"][:2])} == {FAILED}


def test_of_a_blocking_call_there_is_its_duration() -> None:
    found = table(*blocking())
    assert [(r.name, r.value) for r in found if r.value is not None] == [
        ("gen_ai.client.operation.duration", 2.3)
    ]
    assert {r.reason for r in found if r.value is None} == {NOT_STREAMED}


def test_without_a_recount_only_what_needs_none_is_known() -> None:
    found = rows(WORKED.timeline, None)
    assert found["AIPerf", "TTFT"].value == 0.3
    assert found["AIPerf", "ITL"].reason == "There is no recount of the tokens."
    assert found["GuideLLM", "ITL"].value is not None
    assert found["Etalon", "fluidity index"].value is None


def test_without_usage_what_divides_by_reported_tokens_is_unknown() -> None:
    found = rows(*EDGES["no_usage"][:2])
    assert found["vLLM bench", "TPOT"].reason == "The server reported no such token count."
    assert found["AIPerf", "ITL"].value is not None


def test_all_in_one_read_has_gaps_of_nothing_and_no_rate() -> None:
    found = rows(*EDGES["buffered_one_read"][:2])
    assert found["vLLM bench", "mean ITL"].value == 0
    assert found["AIPerf", "tokens per second per user"].value is None
    assert found["Artificial Analysis", "output speed, answer"].value is None


def test_events_of_one_frame_are_one_chunk() -> None:
    # The finish reason rides on the last text: 11 chunks with choices, not 12.
    line, recount = streaming([*ROLE, *CONTENT, *FINISH, *DONE])
    last, finish = line.events[10], line.events[11]
    joined = finish._replace(start=last.start, end=last.end, t_ns=last.t_ns)
    line = dataclasses.replace(line, events=(*line.events[:11], joined, *line.events[12:]))
    assert rows(line, recount)["LLMPerf", "chunks counted as tokens"].value == 11


def test_the_first_chunks_tokens_are_those_of_its_whole_frame() -> None:
    line, recount = streaming([*ROLE, *CONTENT, *FINISH])
    one, two = line.events[1], line.events[2]
    joined = two._replace(start=one.start, end=one.end, t_ns=one.t_ns)
    line = dataclasses.replace(line, events=(*line.events[:2], joined, *line.events[3:]))
    # 1 + 2 tokens came with the first chunk: (24 - 3) / 1.00 s
    value = rows(line, recount)["Artificial Analysis", "output speed, answer"].value
    assert value is not None
    assert math.isclose(value, 21)


def test_fluidity_names_its_deadlines() -> None:
    facts = Facts(WORKED.timeline, WORKED.recount)
    row = next(r for r in etalon(facts, Deadlines(2, 0.5)) if r.name == "fluidity index")
    assert "2 s and 0.5 s" in row.definition
    assert row.value == 1


def test_every_tool_says_who_it_is() -> None:
    facts = Facts(WORKED.timeline, WORKED.recount)
    assert len({r.tool for tool in TOOLS for r in tool(facts)}) == len(TOOLS)
    assert all(tool.__doc__ for tool in TOOLS)
