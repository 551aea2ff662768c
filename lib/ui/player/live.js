/* While calls run: lanes filled by the feed, each on the clock of its own request. */

const BAR_MS = 120
const LIVE_SPANS = [2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600]

/** Only the marks that are new, and the bars a few times a second. */
function growStrip(view) {
  for (const lane of view.lanes) drawMarks(view, lane, lane.marked)
  const now = performance.now()
  if (now - view.live.bars < BAR_MS) return
  view.live.bars = now
  for (const lane of view.lanes) drawWaitBar(view, lane)
}

function listen(view, url) {
  const source = new EventSource(url)
  view.live = { source, bars: 0, sent: new Map(), together: false, next: null }
  source.onmessage = (message) => take(view, JSON.parse(message.data).items)
  source.addEventListener("ages", (message) => setClocks(view, JSON.parse(message.data)))
  source.addEventListener("reset", () => clearLanes(view))
  source.addEventListener("end", () => finish(view))
  source.onerror = () => sayLost(view)
  findNext(view)
  request(view)
}

function hangUp(view) {
  view.live?.source.close()
  view.live = null
}

/** Keep what was drawn until the page hands over the finished lanes. */
function finish(view) {
  view.live.source.close()
  view.status.textContent = "All calls are in"
  view.trigger?.("ended", true)
}

function sayLost(view) {
  if (view.live?.source.readyState !== 2) return
  view.status.textContent = "The live view lost its connection. The calls go on; reload the page to join them."
  view.status.classList.add("shown")
}

function take(view, items) {
  for (const [n, state, events] of items) {
    const lane = view.lanes.find(({ model }) => model.n === n)
    if (!lane) continue
    if (state) setState(view, lane, state)
    for (const [t, kind, text] of events || []) takeEvent(view, lane, t / 1e9, kind, text)
  }
  findNext(view)
  if (!view.lanes.some(isRunning)) view.stale = true
  request(view)
}

function setState(view, lane, state) {
  lane.model.state = state
  if (state === "sent" && !view.live.sent.has(lane.model.n)) view.live.sent.set(lane.model.n, performance.now())
  view.live.together ||= view.lanes.filter(isRunning).length > 1
}

function takeEvent(view, lane, t, kind, text) {
  if (kind === "comment") return
  const { model } = lane
  const waited = model.first_s === null
  append(model, t, kind, kind in model.text ? text || "" : "")
  model.last_s = t
  if (waited && model.first_s !== null) view.status.textContent = `${laneName(model)}: first text after ${seconds(model.first_s)}`
  if (kind === "finish" || (model.mode === "blocking" && kind === "content")) model.end_s = t
}

function setClocks(view, ages) {
  for (const [n, age] of Object.entries(ages)) view.live.sent.set(Number(n), performance.now() - age)
  for (const lane of view.lanes) if (String(lane.model.n) in ages && lane.model.state === "planned") setState(view, lane, "sent")
  request(view)
}

function clearLanes(view) {
  for (const lane of view.lanes) {
    Object.assign(lane.model, prepare({ ...lane.model, dt: "", kinds: "", text: "", sizes: "", first_s: null, end_s: null, last_s: null }))
    lane.shown = ""
  }
  view.stale = true
  request(view)
}

function findNext(view) {
  const planned = view.lanes.map((lane) => lane.model).filter(({ state }) => state === "planned" || state === "wait")
  view.live.next = planned.sort((a, b) => a.n - b.n)[0] || null
}

function isRunning(lane) {
  return lane.model.state === "sent"
}

function liveWaiting(view, lane) {
  return lane.model.first_text === null && liveWords(lane.model, view.live.next) !== ""
}

/** Seconds since the lane's request was sent; once it is over, its last event. */
function clockOf(view, lane) {
  const { model } = lane
  const sent = view.live.sent.get(model.n)
  if (model.state !== "sent") return model.end_s ?? model.last_s ?? 0
  return sent === undefined ? (model.last_s ?? 0) : Math.max((performance.now() - sent) / 1000, model.last_s ?? 0)
}

function liveNow(view) {
  const over = view.lanes.filter(({ model }) => !["planned", "wait", "sent"].includes(model.state)).length
  return `${over} of ${plural(view.lanes.length, "call")} in`
}

/** Let the clock's span grow with the longest call, in steps. */
function widen(view) {
  const longest = Math.max(...view.lanes.map((lane) => clockOf(view, lane)), 0)
  const span = LIVE_SPANS.find((s) => s >= longest * 1.02) || longest * 1.25
  view.stale ||= span !== view.span
  view.span = span
}
