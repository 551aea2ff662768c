"""Streamgauge's library, by stage. Data goes one way, imports go the other way only.

    errors, settings                                             what can go wrong, what can be set
    spec, naming, providers -> plan -> dialects                  what is asked
    recording, messages, waits                                   what arrives, how long we are asked to wait
    guard, stamps, tls, chunks, trace, wire                      the socket: limits, clocks, bytes
    capture, endings, answers, redact                            one call, and what leaves of it
    probe, warmup, heartbeat, priority, outbox                   the process that makes the calls
    sse, body, arrivals, timeline, tokens                        what arrived, decoded and counted
    experiment, facts, moments, pace, rates, pairs, metrics      what it means in numbers
    reader, definitions                                          who reads it, and other tools' numbers
    sample, intervals, comparison, verdict, trust                 many pairs: statistics, words, doubts
    points, findings, pilot, progress                            calls in run order; a verdict; how far it is
    goals, glossary                                              which calls were good; every number in a list
    delivery, phases, calibration, trials                        how it came, and how true the times are
    summary, example, lanes, view, player, charts                words and pictures
    film, pictures                                               what could be read when; as files
    phrases, captions                                            single calls, and a room told in four lines
    overlay, closeup                                             experiments over each other, one event
    document, schema, exports, tables, spans                     JSON and files
    cite, verify, objectives                                     how to cite it, whether it holds
    replay                                                       a saved experiment as an endpoint's script
    teaser, linkpage                                             what a link shows, and what can be embedded
    share, hosts, reopen, imports, foreign, shelf, library       what leaves and what comes in
    store, derived, outline, migrations, ledger, owner, recovery keeping, and who sent what
    service, runner, calibrator, dispatch, underway, results     supervising
    feed, discovery                                              telling live pages, finding servers
    estimate, prices, forecast                                   what it will take, and what it cost
    children, peers, keys                                        helper processes, and keys in memory
    api, middleware                                              routes and headers
    lab                                                          the reference endpoint
    ui                                                           the only part that imports streamlit

`pages -> lib.ui -> lib` and `app -> lib.api, lib.middleware, lib.ui.session -> lib`; never upward.
tests/test_architecture.py holds the rule.
"""
