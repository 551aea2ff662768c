/* The hero: panes that replay calls on one clock, with the strip of their events; live while they run.
 *
 * One source for the page and for the HTML file: no framework, no build step, nothing loaded. Data is
 * lib/lanes.py's; text from outside is only ever a text node. The first part is pure and has unit tests.
 */

const TAIL = 20000
const BLOCK = 4096
const SPEEDS = [0.25, 0.5, 1, 2, 4, 8]
const LIVE_FRAME_MS = 25
const SETTLE_MS = 200
const BAR_MS = 120
const LIVE_SPANS = [2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600]
const LOST = ["failed", "unknown", "dropped"]
const MARKS = {
  content: { low: 0.1, tall: 0.8, alpha: 1, name: "text" },
  reasoning: { low: 0.35, tall: 0.55, alpha: 0.5, name: "reasoning" },
  role: { low: 0.65, tall: 0.25, alpha: 0.9, quiet: true, name: "other event" },
  other: { low: 0.65, tall: 0.25, alpha: 0.9, quiet: true, name: "other event" },
  error: { glyph: "✕", at: 0.5, name: "error" },
  finish: { glyph: "■", at: 0.22, name: "finish" },
  usage: { glyph: "○", at: 0.5, name: "usage" },
  done: { glyph: "◆", at: 0.78, name: "end of stream" },
}

/** How many of the sorted `times` are at or before `t`. */
export function countAt(times, t) {
  let low = 0
  let high = times.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (times[middle] <= t) low = middle + 1
    else high = middle
  }
  return low
}

/** A lane as it is played: running totals per event, so that any instant is one search away. */
export function prepare(lane) {
  const model = { ...lane, t: [], kind: [], text: { reasoning: "", content: "" }, ends: [], words: 0, inWord: false }
  model.first_text = null
  lane.t_s.forEach((t, i) => append(model, t, lane.kind[i], lane.text[i]))
  return model
}

/** Add one event to a prepared lane. */
export function append(model, t, kind, text) {
  const at = model.t.length ? Math.max(t, model.t[model.t.length - 1]) : t
  if (kind in model.text) takeText(model, at, kind, text)
  model.t.push(at)
  model.kind.push(kind)
  model.ends.push({ reasoning: model.text.reasoning.length, content: model.text.content.length, words: model.words })
}

function takeText(model, at, kind, text) {
  model.text[kind] += text
  model.first_text ??= at
  if (kind !== "content" || !text) return
  const found = text.match(/\S+/gu) || []
  model.words += found.length - (model.inWord && found.length && /^\S/u.test(text) ? 1 : 0)
  model.inWord = /\S$/u.test(text)
  if (/\S/u.test(text)) model.first_s ??= at
}

/** What could be read of a prepared lane at `t`: exactly the text of the events up to then. */
export function textAt(model, t) {
  return textOf(model, countAt(model.t, t))
}

function textOf(model, count) {
  const end = model.ends[count - 1] || { reasoning: 0, content: 0, words: 0 }
  return {
    reasoning: model.text.reasoning.slice(0, end.reasoning),
    content: model.text.content.slice(0, end.content),
    words: end.words,
  }
}

/** The end of a long text. It starts at whole blocks, so that lines don't reflow with every event. */
export function tail(text, limit = TAIL) {
  if (text.length <= limit) return text
  let from = Math.ceil((text.length - limit) / BLOCK) * BLOCK
  const unit = text.charCodeAt(from)
  if (unit >= 0xdc00 && unit < 0xe000) from += 1
  return text.slice(from)
}

/** "12 words", or characters where words say little: scripts without spaces, lists without them. */
export function amount(content, words, whole = content) {
  const spaced = !/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u.test(whole.slice(0, 400))
  const sparse = whole.length > 24 && !/\S\s+\S/u.test(whole.slice(0, 60))
  if (spaced && !sparse) return plural(words, "word")
  return plural([...content].length, "character")
}

function plural(n, word) {
  return `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`
}

/** Seconds for people. */
export function seconds(x) {
  return `${x.toFixed(x < 99.995 ? 2 : 1)} s`
}

/** Round places on an axis from 0 to `span`, at most `most` steps. */
export function ticks(span, most) {
  const power = 10 ** Math.floor(Math.log10(span / most))
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => span / s <= most)
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9))
  const places = []
  for (let i = 0; i * step <= span * 1.0001; i++) places.push({ t: i * step, label: (i * step).toFixed(digits) })
  return places
}

/** The strip in words, for those who don't see it. */
export function describe(models) {
  return models.map((model) => `${laneName(model)}: ${laneStory(model)}.`).join(" ")
}

function laneName(model) {
  return model.sub ? `${model.label}, ${model.sub}` : model.label
}

function laneStory(model) {
  const last = model.t[model.t.length - 1]
  if (last === undefined) return model.note || "no event yet"
  if (model.mode === "blocking" && model.first_s !== null) return `everything at once after ${seconds(model.first_s)}`
  const first = model.first_s === null ? "no text" : `first text after ${seconds(model.first_s)}`
  return `${plural(model.t.length, "event")}, ${first}, last event at ${seconds(last)}`
}

/** Whether nothing can be read of the lane at `t` although something is still to come. */
export function isWaiting(model, t) {
  if (model.first_text !== null) return t < model.first_text
  return model.t.length > 0 && t < model.t[model.t.length - 1]
}

/** A live lane's words while it shows nothing. `next`: the lane that is sent next. */
export function liveWords(model, next) {
  if (model.state === "sent") return "nothing to read yet"
  if (model.state === "planned" || model.state === "wait") return model === next ? "its turn comes next" : "waiting for its turn"
  return ""
}

const VIEWS = new WeakMap()

/** The component: runs again on every change of data or theme, keeps its state per element. */
export default function hero(component) {
  const { parentElement } = component
  const view = VIEWS.get(parentElement) || create(parentElement)
  update(view, component)
  const call = {}
  view.latest = call
  return () => view.latest === call && destroy(view)  // a cleanup that comes after a newer call is stale
}

function create(parentElement) {
  const root = make("div", { className: "sg" })
  parentElement.append(root)
  const view = { parentElement, root, lanes: [], t: 0, speed: 1, playing: false, frame: 0, live: null, told: "" }
  view.scheme = matchMedia("(prefers-color-scheme: dark)")
  view.restyle = () => restyle(view)
  view.scheme.addEventListener("change", view.restyle)
  view.sizes = new ResizeObserver(view.restyle)
  view.sizes.observe(root)
  root.addEventListener("keydown", (event) => onKey(view, event))
  VIEWS.set(parentElement, view)
  return view
}

function destroy(view) {
  cancelAnimationFrame(view.frame)
  hangUp(view)
  view.sizes.disconnect()
  view.scheme.removeEventListener("change", view.restyle)
  view.root.remove()
  VIEWS.delete(view.parentElement)
}

function update(view, { data, setTriggerValue, setStateValue }) {
  view.trigger = setTriggerValue
  view.report = setStateValue
  const told = JSON.stringify(data.live ? { ...data, lanes: data.lanes.map((lane) => lane.n) } : data)
  if (told === view.told) return restyle(view)
  const before = view.live
  view.told = told
  hangUp(view)
  build(view, data)
  restyle(view)
  if (data.live) return listen(view, data.live.url)
  if (data.announce) sayDrawn(view)
  settle(view, data, before !== null && before.together)
}

function settle(view, data, watched) {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches
  seek(view, data.start_s || view.span)
  if (data.autoplay && !still && !watched) play(view, data.start_s || 0)
  else showStart(view)
}

/** The page holds heavier things back until the lanes are on the screen and can be used. */
function sayDrawn(view) {
  requestAnimationFrame(() => setTimeout(() => view.report?.("drawn", true), SETTLE_MS))
}

/** At rest a long answer shows its beginning. */
function showStart(view) {
  draw(view)
  for (const lane of view.lanes) lane.body.scrollTop = -lane.body.scrollHeight
}

function build(view, data) {
  view.playing = false
  view.span = data.duration_s
  view.speed = data.speed
  view.lanes = data.lanes.map((lane) => buildLane(prepare(lane)))
  const panes = make("div", { className: "panes" }, ...view.lanes.map((lane) => lane.pane))
  panes.style.setProperty("--columns", columns(view.lanes.length))
  view.root.classList.toggle("many", view.lanes.length > 2)
  view.root.classList.toggle("crowd", view.lanes.length > 4)
  view.root.classList.toggle("live", Boolean(data.live))
  view.status = make("p", { className: "status", role: "status" })
  view.legend = make("p", { className: "legend" })
  view.root.setAttribute("role", "group")
  view.root.setAttribute("aria-label", `Replay of ${plural(view.lanes.length, "call")}`)
  view.root.replaceChildren(panes, buildClock(view), view.legend, view.status)
  fillLegend(view)
}

function columns(lanes) {
  if (lanes > 4) return 4
  return lanes === 3 ? 3 : Math.min(lanes, 2)
}

function buildLane(model) {
  const lane = { model, shown: -1 }
  lane.amount = make("span", { className: "amount" })
  lane.first = make("span", { className: "first" })
  lane.reasoning = make("p", { className: "reasoning", dir: "auto" }, "")
  lane.answer = make("p", { className: "answer", dir: "auto" }, "")
  lane.more = make("p", { className: "more", hidden: true }, "The beginning is left out here.")
  lane.words = make("span")
  lane.clock = make("b")
  lane.note = make("p", { className: "note", dir: "auto", hidden: true }, model.note)
  const waiting = make("div", { className: "waiting", ariaHidden: "true" }, lane.clock, lane.words)
  const inner = make("div", {}, lane.more, lane.reasoning, lane.answer)
  lane.body = make("div", { className: "body", tabIndex: 0, role: "region" }, inner)
  lane.body.setAttribute("aria-label", `${laneName(model)}: the answer`)
  const stage = make("div", { className: "stage" }, lane.body, waiting)
  lane.pane = make("div", { className: "pane" }, laneHead(lane), stage, lane.note)
  buildRow(lane)
  return lane
}

function laneHead(lane) {
  const { model } = lane
  const name = make("b", {}, model.label)
  const sub = make("span", { className: "sub", dir: "auto", title: model.sub }, model.sub)
  return make("div", { className: "head" }, make("i"), name, sub, lane.first, lane.amount)
}

function buildRow(lane) {
  const { model } = lane
  const sub = make("span", { className: "sub", dir: "auto" }, model.sub)
  lane.label = make("div", { className: "label" }, make("b", {}, model.label), sub)
  lane.canvas = make("canvas")
  lane.idle = make("span")
  lane.wait = make("div", { className: "wait" }, lane.idle)
  lane.stop = make("span", { className: "stop" })
  lane.track = make("div", { className: "track" }, lane.wait, lane.canvas, lane.stop)
  lane.total = make("div", { className: "total" })
}

function buildClock(view) {
  view.button = make("button", { className: "play", type: "button" }, make("i"), make("span"))
  view.button.addEventListener("click", () => toggle(view))
  view.range = make("input", { className: "range", type: "range", min: 0, max: view.span, step: "any", ariaLabel: "Time" })
  view.range.addEventListener("input", () => seek(view, Number(view.range.value)))
  view.now = make("span", { className: "now" })
  view.alive = make("div", { className: "alive" }, make("i"), "Live")
  view.axis = make("div", { className: "axis" })
  view.strip = buildStrip(view)
  const side = make("div", { className: "side" }, view.now, buildSpeeds(view))
  return make("div", { className: "clock" }, view.button, view.alive, view.range, side, view.strip)
}

function buildSpeeds(view) {
  const menu = make("select", { className: "speed", ariaLabel: "Speed", title: "Speed" })
  for (const speed of SPEEDS) menu.append(make("option", { value: speed }, `${speed}×`))
  menu.value = String(view.speed)
  menu.addEventListener("change", () => (view.speed = Number(menu.value)))
  return menu
}

function buildStrip(view) {
  view.cursor = make("div", { className: "cursor" })
  view.field = make("div", { className: "field" }, make("div", { className: "veil" }), view.cursor)
  dragToSeek(view)
  const strip = make("div", { className: "strip", role: "img" })
  for (const lane of view.lanes) strip.append(lane.label, lane.track, lane.total)
  strip.append(view.field, make("div", { className: "unit" }, "seconds"), view.axis, make("div", { className: "unit end" }, "total"))
  return strip
}

function fillLegend(view) {
  const kinds = new Set(view.lanes.flatMap((lane) => lane.model.kind))
  if (!kinds.size) kinds.add("content")
  const names = new Map([...kinds].filter((kind) => kind in MARKS).map((kind) => [MARKS[kind].name, kind]))
  const items = [make("span", {}, make("i", { className: "key key-hatch" }), "nothing to read")]
  for (const [name, kind] of names) {
    const { glyph } = MARKS[kind]
    items.push(make("span", {}, make("i", { className: `key key-${glyph ? "glyph" : kind}` }, glyph || ""), name))
  }
  view.legend.replaceChildren(...items, make("span", { className: "about" }, "seconds since each request was sent; every event is a mark"))
}

function make(tag, props = {}, ...children) {
  const element = Object.assign(document.createElement(tag), props)
  element.append(...children)
  return element
}

function restyle(view) {
  const style = getComputedStyle(view.root)
  const listed = style.getPropertyValue("--st-chart-categorical-colors").match(/#[0-9a-f]{3,8}\b|rgba?\([^)]*\)/gi)
  const series = listed && listed.length > 1 ? listed : ["#8A93A6", "#0B5FFF", "#B45309", "#047857", "#7C3AED", "#BE123C", "#0E7490", "#A21CAF", "#4D7C0F"]
  for (const lane of view.lanes) {
    lane.colour = series[lane.model.tone % series.length]
    for (const part of [lane.pane, lane.track, lane.label]) part.style.setProperty("--tone", lane.colour)
  }
  view.root.style.setProperty("--blue", series[1])
  view.ink = style.color
  view.quiet = view.axis ? getComputedStyle(view.axis).color : style.color
  view.stale = true
  request(view)
}

function request(view) {
  view.frame ||= requestAnimationFrame((now) => onFrame(view, now))
}

function onFrame(view, now) {
  view.frame = 0
  if (view.live && now - view.live.drawn < LIVE_FRAME_MS) return request(view)
  if (view.playing) advance(view, now)
  draw(view)
  if (view.live) view.live.drawn = now
  if (view.playing || (view.live && view.lanes.some(isRunning))) request(view)
}

function draw(view) {
  if (view.live) widen(view)
  for (const lane of view.lanes) drawPane(view, lane)
  if (view.stale) drawStrip(view)
  else if (view.live) growStrip(view)
  view.stale = false
  drawTime(view)
}

function drawPane(view, lane) {
  const { model } = lane
  const t = view.live ? clockOf(view, lane) : view.t
  const count = view.live ? model.t.length : countAt(model.t, t)
  if (count !== lane.shown) drawText(lane, count)
  const waiting = view.live ? liveWaiting(view, lane) : isWaiting(model, t)
  lane.pane.classList.toggle("hatched", waiting)
  if (waiting) drawWaiting(view, lane, t)
  const here = model.first_s !== null && model.first_s <= t
  put(lane.first, here ? `${seconds(model.first_s)} ${model.mode === "blocking" ? "all at once" : "first text"}` : "")
  drawNote(view, lane, t)
  lane.pane.classList.toggle("landed", model.mode === "blocking" && here)
}

function drawNote(view, lane, t) {
  const { note, state, last_s: last } = lane.model
  const words = note || (view.live && LOST.includes(state) ? `${state}; the reason is shown when all calls are in` : "")
  put(lane.note, words)
  lane.pane.classList.toggle("bad", state !== "done")
  lane.note.hidden = !words || (!view.live && t < (last ?? 0))
}

function drawText(lane, count) {
  const { model } = lane
  const { reasoning, content, words } = textOf(model, count)
  lane.shown = count
  const [thought, answer] = [tail(reasoning), tail(content)]
  put(lane.reasoning, thought)
  put(lane.answer, answer)
  lane.more.hidden = thought.length === reasoning.length && answer.length === content.length
  put(lane.amount, content ? amount(content, words, model.text.content) : "")
}

function drawWaiting(view, lane, t) {
  put(lane.words, view.live ? liveWords(lane.model, view.live.next) : "nothing to read yet")
  put(lane.clock, view.live && lane.model.state !== "sent" ? "" : seconds(Math.max(0, t)))
}

function put(element, text) {
  const node = element.firstChild || element.appendChild(document.createTextNode(""))
  if (node.data !== text) node.data = text
}

function drawTime(view) {
  const share = view.live ? 1 : Math.min(1, view.t / view.span)
  view.root.style.setProperty("--x", share.toFixed(5))
  view.root.classList.toggle("resting", share >= 1)
  view.range.value = view.t
  view.range.setAttribute("aria-valuetext", `${view.t.toFixed(2)} of ${view.span} seconds`)
  put(view.now, view.live ? liveNow(view) : seconds(Math.min(view.t, view.span)))
  put(view.button.lastChild, view.playing ? "Pause" : share >= 1 ? "Replay" : "Play")
  view.button.classList.toggle("pause", view.playing)
}

/** While calls run: only the marks that are new, and the bars a few times a second. */
function growStrip(view) {
  for (const lane of view.lanes) drawMarks(view, lane, lane.marked)
  const now = performance.now()
  if (now - view.live.bars < BAR_MS) return
  view.live.bars = now
  for (const lane of view.lanes) drawWaitBar(view, lane)
}

function drawStrip(view) {
  const width = view.axis.clientWidth
  for (const lane of view.lanes) {
    drawWaitBar(view, lane)
    clear(lane)
    drawMarks(view, lane, 0)
    drawStop(view, lane)
  }
  const places = ticks(view.span, width < 420 ? 4 : 8)
  view.axis.replaceChildren(...places.map(({ t, label }) => tick(t / view.span, label)))
  view.strip.setAttribute("aria-label", describe(view.lanes.map((lane) => lane.model)))
}

function tick(share, label) {
  const mark = make("span", {}, label)
  mark.style.left = `${(share * 100).toFixed(3)}%`
  return mark
}

function drawWaitBar(view, lane) {
  const { model } = lane
  const until = model.first_text ?? (view.live ? clockOf(view, lane) : (model.last_s ?? 0))
  const width = `${(Math.max(0, until / view.span) * 100).toFixed(2)}%`
  if (lane.wait.style.width !== width) lane.wait.style.width = width
  put(lane.idle, until > 0 ? `${seconds(until)} with nothing to read` : "")
  const total = model.end_s ?? (view.live ? clockOf(view, lane) : null)
  put(lane.total, total ? seconds(total) : model.last_s ? `> ${seconds(model.last_s)}` : "–")
}

/** A word where a lane ends that did not end well, before the end where there is no room behind it. */
function drawStop(view, lane) {
  const { note, state, last_s: last } = lane.model
  put(lane.stop, note && state !== "done" ? note.split(":")[0] : "")
  const track = lane.track.clientWidth
  const end = ((last ?? 0) / view.span) * track
  const fits = !lane.stop.textContent || end + lane.stop.offsetWidth <= track
  lane.stop.classList.toggle("before", !fits)
  lane.stop.style.left = `${(fits ? end : Math.max(0, end - lane.stop.offsetWidth)).toFixed(1)}px`
}

function clear(lane) {
  const sharp = window.devicePixelRatio || 1
  lane.canvas.width = Math.round(lane.canvas.clientWidth * sharp)
  lane.canvas.height = Math.round(lane.canvas.clientHeight * sharp)
}

function drawMarks(view, lane, from) {
  const { canvas, model } = lane
  lane.marked = model.t.length
  if (from === lane.marked) return
  const [width, height] = [canvas.clientWidth, canvas.clientHeight]
  const sharp = canvas.width / width || 1
  const pen = canvas.getContext("2d")
  pen.setTransform(sharp, 0, 0, sharp, 0, 0)
  const thick = model.mode === "blocking" ? 4 : model.t.length > width / 2 ? 1 : 1.5
  let last = ""
  for (let i = from; i < lane.marked; i++) {
    const x = Math.min((model.t[i] / view.span) * width, width - thick)
    const place = `${model.kind[i]} ${Math.round(x * sharp)}`
    if (place !== last) drawMark(pen, MARKS[model.kind[i]], x, height, thick, lane.colour, view)
    last = place
  }
}

function drawMark(pen, mark, x, height, thick, colour, view) {
  if (!mark) return
  if (mark.glyph) {
    pen.globalAlpha = 1
    pen.fillStyle = view.ink
    pen.font = "9px sans-serif"
    pen.textBaseline = "middle"
    pen.fillText(mark.glyph, x + 3, height * mark.at)
    return
  }
  pen.globalAlpha = mark.alpha
  pen.fillStyle = mark.quiet ? view.quiet : colour
  pen.fillRect(x - thick / 2, height * mark.low, thick, height * mark.tall)
}

function play(view, from) {
  view.t = from
  view.playing = true
  view.last = null
  request(view)
}

function pause(view) {
  view.playing = false
  view.status.textContent = view.t >= view.span ? "Finished" : `Paused at ${view.t.toFixed(2)} seconds`
  request(view)
}

function toggle(view) {
  if (view.live) return
  if (view.playing) return pause(view)
  view.status.textContent = ""
  play(view, view.t >= view.span ? 0 : view.t)
}

function advance(view, now) {
  const passed = view.last === null ? 0 : Math.min((now - view.last) / 1000, 1)
  view.last = now
  view.t = Math.min(view.span, view.t + passed * view.speed)
  if (view.t >= view.span) pause(view)
}

function seek(view, t) {
  view.playing = false
  view.t = Math.max(0, Math.min(view.span, t))
  request(view)
}

function onKey(view, event) {
  if (view.live || event.ctrlKey || event.metaKey || event.altKey) return
  const target = event.target.className
  const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key]
  if (step && target === "range") seek(view, view.t + step * (event.shiftKey ? 1 : 0.1))
  else if (event.key === "k" || (event.key === " " && target !== "play" && target !== "speed")) toggle(view)
  else return
  event.preventDefault()
  event.stopPropagation()
}

function dragToSeek(view) {
  const { field } = view
  const move = (event) => {
    const box = field.getBoundingClientRect()
    seek(view, ((event.clientX - box.left) / box.width) * view.span)
  }
  field.addEventListener("pointerdown", (event) => {
    if (view.live || event.button !== 0) return
    field.setPointerCapture(event.pointerId)
    field.onpointermove = move
    move(event)
  })
  field.addEventListener("lostpointercapture", () => (field.onpointermove = null))
}

function listen(view, url) {
  const source = new EventSource(url)
  view.live = { source, drawn: 0, bars: 0, sent: new Map(), together: false, next: null }
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
    Object.assign(lane.model, prepare({ ...lane.model, t_s: [], kind: [], text: [], first_s: null, end_s: null, last_s: null }))
    lane.shown = -1
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
