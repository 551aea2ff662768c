/* The strip: every event of every lane a mark on one axis, stalls shaded; and the scrubber above it. */

const SPEEDS = [0.25, 0.5, 1, 2, 4, 8]
const MARKS = {
  content: { low: 0.1, tall: 0.8, alpha: 1, name: "text" },
  reasoning: { low: 0.35, tall: 0.55, alpha: 0.5, name: "reasoning" },
  other: { low: 0.65, tall: 0.25, alpha: 0.9, quiet: true, name: "other event" },
  error: { glyph: "✕", at: 0.5, name: "error" },
  finish: { glyph: "■", at: 0.22, name: "finish" },
  usage: { glyph: "○", at: 0.5, name: "usage" },
  done: { glyph: "◆", at: 0.78, name: "end of stream" },
}

MARKS.role = MARKS.other

function buildRow(lane) {
  const { model } = lane
  const sub = make("span.sub", { dir: "auto", title: model.sub }, narrow(model.sub))
  lane.label = make("div.label", make("b", model.label), sub)
  lane.canvas = make("canvas")
  lane.idle = make("span")
  lane.wait = make("div.wait", lane.idle)
  lane.stop = make("span.stop")
  lane.sent = make("i.sent", { title: "Request sent", hidden: true })
  lane.track = make("div.track", lane.wait, lane.canvas, lane.sent, lane.stop)
  lane.total = make("div.total")
  buildSteps(lane)
}

/** A name for a narrow column, whose end is cut: that a pair was made at once stands first. */
function narrow(name) {
  return name?.replace(/(.+), under contention$/, "at once · $1")
}

function buildClock(view) {
  view.button = button("play", () => toggle(view), make("i"), make("span"))
  view.range = make("input.range", { type: "range", min: 0, max: view.span, step: "any", ariaLabel: "Time" })
  view.range.oninput = () => seek(view, Number(view.range.value))
  view.now = make("span.now")
  view.alive = make("div.alive", make("i"), "Live")
  view.axis = make("div.axis")
  view.cursor = make("div.cursor")
  view.veil = make("div.veil")
  view.field = make("div.field", view.veil, view.cursor)
  dragToSeek(view)
  view.strip = make("div.strip", { role: "img" })
  view.side = make("div.side", view.now, buildSpeeds(view))
  return make("div.clock", view.button, view.alive, view.range, view.side, view.strip)
}

function buildSpeeds(view) {
  view.speeds = make("select.speed", { ariaLabel: "Speed", title: "Speed" })
  for (const speed of SPEEDS) view.speeds.append(make("option", { value: speed }, `${speed}×`))
  view.speeds.value = view.speed
  view.speeds.onchange = () => setSpeed(view, Number(view.speeds.value))
  return view.speeds
}

function layStrip(view) {
  const rows = view.lanes.flatMap((lane) => [lane.label, lane.track, lane.total])
  const axis = [make("div.unit", "seconds"), view.axis, make("div.unit.end", "total")]
  view.strip.replaceChildren(...rows, ...stepRows(view), view.field, ...axis)
}

function fillLegend(view) {
  const models = view.lanes.map((lane) => lane.model)
  const kinds = new Set(models.flatMap((model) => model.kind))
  if (!kinds.size) kinds.add("content")
  const names = new Map([...kinds].filter((kind) => kind in MARKS).map((kind) => [MARKS[kind].name, kind]))
  const items = [key("hatch", "nothing to read")]
  for (const [name, kind] of names) items.push(key(MARKS[kind].glyph ? "glyph" : kind, name, MARKS[kind].glyph))
  if (models.some((model) => model.freezes.length)) items.push(key("freeze", "freeze"))
  if (models.some((model) => model.suspects.length)) items.push(key("suspect", "gap in doubt"))
  const from = view.zero ? "seconds from each lane's first text" : "seconds since each request was sent"
  view.legend.replaceChildren(...items, make("span.about", `${from}; every event is a mark`))
}

function key(name, words, glyph = "") {
  return make("span", make("i", { className: `key key-${name}` }, glyph), words)
}

function drawTime(view) {
  const share = view.live ? 1 : Math.min(1, view.t / view.span)
  const place = `${Math.round(share * view.wide * 2) / 2} ${view.wide}`
  if (place !== view.place) placeCursor(view, share, place)
  put(view.now, view.live ? liveNow(view) : `${view.t < view.zero ? "−" : ""}${seconds(Math.abs(Math.min(view.t, view.span) - view.zero))}`)
  put(view.button.lastChild, view.playing ? "Pause" : share >= 1 ? "Replay" : "Play")
  flag(view.button, "pause", view.playing)
  flag(view.root, "playing", view.playing)
  if (view.playing) return
  view.range.setAttribute("aria-valuetext", `${(view.t - view.zero).toFixed(2)} of ${Number((view.span - view.zero).toFixed(4))} seconds`)
}

/** Moved by transforms, so that a running clock lays nothing out anew. */
function placeCursor(view, share, place) {
  view.place = place
  view.cursor.style.transform = `translateX(${(share * view.wide).toFixed(1)}px)`
  view.veil.style.transform = `scaleX(${(1 - share).toFixed(5)})`
  view.range.style.setProperty("--x", share.toFixed(4))
  view.range.value = view.t
  flag(view.root, "resting", share >= 1)
}

function drawStrip(view) {
  view.wide = view.field.clientWidth
  for (const lane of view.lanes) {
    drawWaitBar(view, lane)
    clear(lane.canvas)
    drawSpans(view, lane)
    drawMarks(view, lane, 0)
    drawStop(view, lane)
  }
  const places = ticks(view.span, view.axis.clientWidth < 420 ? 4 : 8, view.zero)
  view.axis.replaceChildren(...places.map(({ t, label }) => tick(t / view.span, label)))
  view.strip.setAttribute("aria-label", describe(view.lanes.map((lane) => lane.model)))
  drawSteps(view)
}

function tick(share, label) {
  const mark = make("span", label)
  mark.style.left = `${(share * 100).toFixed(3)}%`
  return mark
}

function drawWaitBar(view, lane) {
  const { model } = lane
  const until = model.first_text ?? (view.live ? clockOf(view, lane) : (model.last_s ?? model.sent_s))
  const waited = Math.max(0, until - model.sent_s)
  const width = `${((waited / view.span) * 100).toFixed(2)}%`
  if (lane.wait.style.width !== width) lane.wait.style.width = width
  lane.wait.style.left = lane.sent.style.left = `${((model.sent_s / view.span) * 100).toFixed(3)}%`
  lane.sent.hidden = !model.sent_s
  put(lane.idle, waited > 0 ? `${seconds(waited)} with nothing to read` : "")
  const total = model.end_s ?? (view.live ? clockOf(view, lane) : null)
  put(lane.total, total ? after(model, total) : model.last_s ? `> ${after(model, model.last_s)}` : "–")
}

/** A word where a lane ends that did not end well, before the end where there is no room behind it. */
function drawStop(view, lane) {
  const { note, state, last_s: last } = lane.model
  put(lane.stop, note && state !== "done" ? note.split(":")[0] : "")
  const track = lane.track.clientWidth
  const end = ((last ?? 0) / view.span) * track
  const fits = !lane.stop.textContent || end + lane.stop.offsetWidth <= track
  flag(lane.stop, "before", !fits)
  lane.stop.style.left = `${(fits ? end : Math.max(0, end - lane.stop.offsetWidth)).toFixed(1)}px`
}

/** An emptied canvas' pen, with lengths in CSS pixels. */
function clear(canvas) {
  const sharp = window.devicePixelRatio || 1
  canvas.width = Math.round(canvas.clientWidth * sharp)
  canvas.height = Math.round(canvas.clientHeight * sharp)
  const pen = canvas.getContext("2d")
  pen.setTransform(sharp, 0, 0, sharp, 0, 0)
  return pen
}

/** Freezes filled; gaps in which the instrument itself stood still hollow. */
function drawSpans(view, { canvas, model }) {
  const pen = canvas.getContext("2d")
  const box = ([from, to]) => [(from / view.span) * canvas.clientWidth, 1, ((to - from) / view.span) * canvas.clientWidth, canvas.clientHeight - 2]
  pen.fillStyle = "#d463"
  for (const span of model.freezes) pen.fillRect(...box(span))
  pen.strokeStyle = view.quiet
  pen.setLineDash([3, 2])
  for (const span of model.suspects) pen.strokeRect(...box(span))
}

function drawMarks(view, lane, from) {
  const { canvas, model } = lane
  lane.marked = model.t.length
  if (from === lane.marked) return
  const [width, height] = [canvas.clientWidth, canvas.clientHeight]
  const sharp = canvas.width / width || 1
  const pen = canvas.getContext("2d")
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
