/* One pane per lane: its name, what can be read at this instant, and why it ends where it does. */

const LOST = ["failed", "unknown", "dropped"]

function buildLane(model) {
  const lane = { model, shown: "", cells: [], from: { reasoning: 0, content: 0 }, room: TAIL }
  lane.amount = make("span.amount")
  lane.first = make("span.first")
  lane.reasoning = make("p.reasoning", { dir: "auto" }, "")
  lane.read = make("span.read")
  lane.unread = make("span")
  lane.answer = make("p.answer", { dir: "auto" }, lane.read, lane.unread)
  lane.more = make("p.more", { hidden: true }, "The beginning is left out here.")
  lane.words = make("span")
  lane.clock = make("b")
  lane.note = make("p.note", { dir: "auto", hidden: true }, model.note)
  const waiting = make("div.waiting", { ariaHidden: "true" }, lane.clock, lane.words)
  const inner = make("div", lane.more, lane.reasoning, lane.answer)
  lane.body = make("div.body", { tabIndex: 0, role: "region" }, inner)
  lane.body.setAttribute("aria-label", `${laneName(model)}: the answer`)
  const stage = make("div.stage", lane.body, waiting)
  lane.pane = make("div.pane", laneHead(lane), stage, lane.note)
  buildRow(lane)
  return lane
}

function laneHead(lane) {
  const { model } = lane
  const name = make("b", model.label)
  const sub = make("span.sub", { dir: "auto", title: model.sub }, model.sub)
  return make("div.head", make("i"), name, sub, lane.first, lane.amount)
}

function drawPane(view, lane) {
  const { model } = lane
  const t = view.live ? clockOf(view, lane) : view.t
  const count = view.live ? model.t.length : countAt(model.t, t)
  drawText(view, lane, count)
  const waiting = view.live ? liveWaiting(view, lane) : isWaiting(model, t)
  const before = !view.live && t < model.sent_s
  flag(lane.pane, "hatched", waiting)
  flag(lane.pane, "before", before)
  if (waiting || before) drawWaiting(view, lane, t, before)
  const here = model.first_s !== null && model.first_s <= t
  put(lane.first, here ? `${after(model, model.first_s)} ${model.mode === "blocking" ? "all at once" : "first text"}` : "")
  drawNote(view, lane, t)
  flag(lane.pane, "landed", model.mode === "blocking" && here)
}

/** Touch an element's classes only where that changes something. */
function flag(element, name, on) {
  if (element.classList.contains(name) !== on) element.classList.toggle(name, on)
}

function drawNote(view, lane, t) {
  const { note, state, last_s: last } = lane.model
  const words = note || (view.live && LOST.includes(state) ? `${state}; the reason is shown when all calls are in` : "")
  put(lane.note, words)
  flag(lane.pane, "bad", state !== "done")
  lane.note.hidden = !words || (!view.live && t < (last ?? 0))
}

function drawText(view, lane, count) {
  const { model } = lane
  const read = readUnits(view, lane)
  const state = `${count} ${view.playing} ${read}`
  if (state === lane.shown) return
  lane.shown = state
  const { reasoning, content, words, chars } = textOf(model, count)
  const from = { reasoning: startOf(view, lane, "reasoning", reasoning), content: startOf(view, lane, "content", content) }
  const split = Math.max(from.content, read)
  put(lane.reasoning, reasoning.slice(from.reasoning))
  put(lane.read, content.slice(from.content, split))
  put(lane.unread, content.slice(split))
  lane.more.hidden = !from.reasoning && !from.content
  put(lane.amount, content ? amount(content, words, model.text.content, chars) : "")
  if (view.playing && (cut(lane, "reasoning", lane.reasoning) || cut(lane, "content", lane.read, lane.unread))) lane.shown = ""
}

/** Where the text begins that is laid out: while it plays that is little more than what is in sight. */
function startOf(view, lane, kind, text) {
  if (view.playing && lane.from[kind] <= text.length) return lane.from[kind]
  lane.from[kind] = 0
  return tailStart(text)
}

/** Leave out lines above those in sight, whole ones, so that no line breaks anew. */
function cut(lane, kind, ...elements) {
  const nodes = elements.map(({ firstChild }) => firstChild).filter(Boolean)
  const length = nodes.reduce((sum, node) => sum + node.length, 0)
  if (length <= 2 * lane.room) return false
  let at = length - lane.room
  const line = bottomOf(nodes, at)
  while (at < length && bottomOf(nodes, at) === line) at++
  lane.from[kind] += at
  return at > 0
}

function bottomOf(nodes, at) {
  const node = at < nodes[0].length ? nodes[0] : nodes[1]
  const place = node === nodes[0] ? at : at - nodes[0].length
  const range = document.createRange()
  range.setStart(node, place)
  range.setEnd(node, place + 1)
  return range.getBoundingClientRect().bottom
}

function drawWaiting(view, lane, t, before) {
  put(lane.words, view.live ? liveWords(lane.model, view.live.next) : before ? "not sent yet" : "nothing to read yet")
  put(lane.clock, before || (view.live && lane.model.state !== "sent") ? "" : seconds(Math.max(0, t - lane.model.sent_s)))
}
