"""Streamgauge's library, by stage. Data goes one way, imports go the other way only.

    spec, providers  ->  plan  ->  dialects  ->  recording, messages   what is asked, what arrives
    guard, stamps, tls, wire                                    the socket: limits, clocks, bytes
    capture, answers, redact                                    one call, and what leaves of it
    probe, warmup, heartbeat, outbox                            the process that makes the calls
    sse, body, arrivals, timeline, tokens                       what arrived, decoded and counted
    facts, moments, pace, rates, pairs, metrics, summary        what it means in numbers and words
    charts, document, exports                                   pictures, JSON, files
    store, migrations, runner, feed, keys, service              keeping and supervising
    api, middleware                                             routes and headers
    lab                                                         the reference endpoint
    ui                                                          the only part that imports streamlit

`pages -> lib.ui -> lib` and `app -> lib.api, lib.middleware, lib.ui.session -> lib`; never upward.
tests/test_architecture.py holds the rule.
"""
