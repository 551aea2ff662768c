"""What each number means, how the calls are made and how arrivals are stamped."""

import streamlit as st

from lib import metrics
from lib.ui import method, trial

st.title("What the numbers mean")
st.markdown(
    "Streamgauge asks a model the same thing twice: once **blocking**, where the whole answer comes at "
    "once, and once **streaming**, where it comes in pieces. It writes down when each piece arrived. "
    "Everything you see is worked out from those arrival times."
)

st.header("How the calls are made")
st.markdown(
    """
- **One after the other.** Two calls at once would disturb each other, so the calls of a pair take turns,
  in an order drawn by lot. The page then replays them side by side on one clock. Only the built-in lab
  answers both at once, since that does not disturb it, and a model that is measured *under contention*,
  which is about just that.
- **A new connection each**, so that the second call does not profit from the first.
- **Random characters before the prompt**, unless you switch them off: a server's prompt cache would
  otherwise make the second call faster.
- **No second try.** A call that fails is shown as failed and is not sent again.
- **A process of its own.** The calls are made outside the web server, so that drawing this page cannot
  delay a clock.
"""
)

st.header("How arrivals are stamped")
st.markdown(
    """
- The clock starts just before the request's first byte is written.
- A piece of text carries the time of the network read that completed it. On Linux that is the moment the
  kernel received the data, elsewhere the moment this program had read it; **Trust** on each result says
  which.
- Pieces that came in one read share one time. They are never spread out to look smooth.
- Before an experiment this program finds out how wrong its stamps are, and says so beside the numbers.
"""
)

st.header("How far to trust it")
st.markdown(
    "The built-in lab says when it really sent each event. Pick a stream and run it: you see how far our "
    "times are from the truth, and whether our verdicts are right."
)
trial.draw()

st.header("Tokens")
st.markdown(
    """
Three counts stand side by side, and are never mixed:
**reported** is what the server says it made, **recount** is what a named tokenizer makes of the text
that arrived, and **events** is how many pieces came. A piece is not a token: it may hold several.
"""
)

st.header("One pair is a look")
st.markdown(
    "Two calls to the same model a second apart can differ by more than streaming changes. One pair shows "
    "what can happen; it does not show which way is faster."
)

st.header("Every number")
st.caption(f"Definitions {metrics.definition()}. Times are in seconds after the request was sent.")
method.table()
