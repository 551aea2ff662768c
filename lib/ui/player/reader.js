/* The reader in the picture: what has been read is marked, their line runs over the staircase of visible text. */

const LATIN = "The presets hold for English in Latin script: give a speed of your own."

function buildSteps(lane) {
  lane.steps = make("canvas")
  lane.by = make("div.total")
}

/** Take the chosen speed; null while none is given. */
function layReader(view) {
  view.foreign = view.lanes.some(({ model }) => isForeign(model.text.content))
  const kind = view.wish?.kind === "own" || !view.foreign ? view.wish?.kind : view.wish && "own"
  const unit = view.foreign ? "characters" : "words"
  const own = view.wish?.unit === unit ? view.wish.own : null
  view.rate = kind === "own" ? own : (PRESETS[kind] ?? null)
  const cps = view.rate && (unit === "words" ? (view.rate * LETTERS) / 60 : view.rate / 60)
  view.reader = cps ? { cps, words: `${view.rate} ${unit} a minute` } : null
  for (const lane of view.lanes) {
    lane.arrivals ??= visibleArrivals(lane.model)
    lane.pace = view.reader && follow(lane.arrivals, cps)
    lane.shown = ""
  }
  if (view.readers) sayReader(view, kind || "off", unit, own)
  sayFelt(view)
}

function buildReaders(view) {
  view.readers = make("select", { ariaLabel: "Reader" })
  const names = { off: "off", silent: "silent, 238 words/min", aloud: "aloud, 183 words/min", own: "own speed…" }
  for (const [kind, words] of Object.entries(names)) view.readers.append(make("option", { value: kind }, words))
  view.own = make("input.own", { type: "number", hidden: true })
  view.unit = make("span", { hidden: true })
  view.readers.onchange = () => chooseReader(view, view.readers.value)
  view.own.onchange = () => chooseReader(view, "own")
  return make("label", "Reader", view.readers, view.own, view.unit)
}

function sayReader(view, kind, unit, own) {
  for (const option of view.readers.options) option.disabled = view.foreign && option.value in PRESETS
  view.readers.value = kind
  view.readers.title = view.foreign ? LATIN : ""
  view.own.hidden = view.unit.hidden = kind !== "own"
  ;[view.own.min, view.own.max] = OWN[unit]
  view.own.value = own ?? ""
  view.own.setAttribute("aria-label", `${unit} a minute`)
  put(view.unit, `${unit}/min`)
}

function chooseReader(view, kind) {
  const unit = view.foreign ? "characters" : "words"
  const given = view.own.valueAsNumber || (unit === "words" ? PRESETS.silent : null)
  const own = given && Math.max(OWN[unit][0], Math.min(OWN[unit][1], Math.round(given)))
  view.wish = kind === "off" ? null : { kind, unit, own }
  layReader(view)
  layStrip(view)
  restyle(view)
  noteView(view)
}

function sayFelt(view) {
  view.felt.hidden = !view.wish
  if (!view.wish) return
  const rows = view.reader ? view.lanes.map((lane) => feltRow(view, lane)) : [make("p", LATIN)]
  view.felt.replaceChildren(...rows)
}

function feltRow(view, lane) {
  const name = make("b", { dir: "auto" }, `${view.lanes.length > 2 ? laneName(lane.model) : lane.model.label}: `)
  return make("p", name, feltSentence(lane.model, lane.pace, view.reader.words))
}

/** Rows of the strip under the events: only while there is a reader. */
function stepRows(view) {
  if (!view.reader) return []
  return view.lanes.flatMap((lane) => {
    put(lane.by, lane.pace.finish_s === null ? "–" : `read by ${(lane.pace.finish_s - view.zero).toFixed(1)} s`)
    const label = make("div.label.read-by", make("span", lane.model.label), make("span.sub", { dir: "auto" }, lane.model.sub || ""))
    return [label, make("div.track.steps", lane.steps), lane.by]
  })
}

function drawSteps(view) {
  if (view.reader) for (const lane of view.lanes) drawStaircase(view, lane)
}

function drawStaircase(view, { steps, arrivals, pace, colour, model }) {
  const pen = clear(steps)
  const [width, height] = [steps.clientWidth, steps.clientHeight]
  const x = (t) => (t / view.span) * width
  const y = (chars) => height - 2 - (chars / Math.max(1, model.chars)) * (height - 5)
  const stairs = new Path2D()
  stairs.moveTo(x(model.sent_s), y(0))
  for (const { t, n, before } of arrivals) {
    stairs.lineTo(x(t), y(before))
    stairs.lineTo(x(t), y(before + n))
  }
  stairs.lineTo(width, y(model.chars))
  pen.strokeStyle = pen.fillStyle = colour
  pen.lineWidth = 1.5
  pen.stroke(stairs)
  stairs.lineTo(width, height)
  stairs.lineTo(x(model.sent_s), height)
  pen.globalAlpha = 0.14
  pen.fill(stairs)
  pen.globalAlpha = 1
  pen.strokeStyle = view.ink
  pen.stroke(readersLine(pace, x, y))
}

function readersLine(pace, x, y) {
  const line = new Path2D()
  pace.arrivals.forEach(({ n, before }, i) => {
    if (i) line.lineTo(x(pace.begins[i]), y(before))
    else line.moveTo(x(pace.begins[0]), y(0))
    line.lineTo(x(pace.ends[i]), y(before + n))
  })
  return line
}

/** Where the read part of the lane's text ends, in UTF-16 units. */
function readUnits(view, { model, pace }) {
  if (!view.reader || view.live) return 0
  const chars = readAt(pace, view.t)
  if (model.text.content.length === model.chars) return chars
  const i = countAt(pace.begins, view.t) - 1
  if (i < 0) return 0
  let { unit, before } = pace.arrivals[i]
  for (; before < chars; before++) unit += model.text.content.codePointAt(unit) > 0xffff ? 2 : 1
  return unit
}
