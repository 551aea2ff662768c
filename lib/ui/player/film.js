/* The filmstrip: what could be read at a few moments. Each frame is a button that moves the clock there. */

/** When the frames are: `last` is the longest lane's last event. Each lasts twice as long, or all the same. */
export function frameTimes(last, equal) {
  if (!(last > 0)) return []
  if (equal) return Array.from({ length: 8 }, (_, i) => (last * (i + 1)) / 8)
  let at = 0.25
  while (at * 4 > last) at /= 2
  const times = []
  for (; at < 0.9 * last; at *= 2) times.push(at)
  return [...times, last]
}

/** What each frame is the first to show of a lane: text, a whole sentence, both, or neither. */
export function frameMarks(model, times) {
  const text = times.findIndex((t) => model.first_s !== null && model.first_s <= t)
  const sentence = times.findIndex((t) => model.sentence_s !== null && model.sentence_s <= t)
  return times.map((_, i) => {
    if (i === text) return i === sentence ? "text, sentence" : "first text"
    return i === sentence ? "first sentence" : ""
  })
}

/** The last characters of a text, from the start of a word where one is near. */
export function ending(text, limit) {
  if (text.length <= limit) return text.trimEnd()
  const end = text.slice(whole(text, text.length - limit))
  return `…${end.slice(end.slice(0, 16).search(/\s/) + 1).trim()}`
}

function layFilm(view) {
  const { lanes } = view
  const last = Math.max(0, ...lanes.map(({ model }) => model.last_s ?? 0)) - view.zero
  view.times = frameTimes(last, view.film === "equal").map((t) => t + view.zero)
  const marks = lanes.map(({ model }) => frameMarks(model, view.times))
  view.frames = view.times.map((t, i) => buildFrame(view, t, marks.map((found) => found[i])))
  view.strips.replaceChildren(...view.frames)
  view.strips.hidden = !view.frames.length
  view.here = null
}

function buildFrame(view, t, marks) {
  const rows = view.lanes.map((lane, i) => frameRow(lane, t, marks[i], view.lanes.length > 2 ? 60 : 110))
  return button("frame", () => seek(view, t), make("b", frameTime(view, t)), ...rows)
}

function frameTime(view, t) {
  const at = t - view.zero
  return `${at.toFixed(at < 0.1 ? 3 : 2)} s`
}

function frameRow(lane, t, mark, limit) {
  const { reasoning, content, words, chars } = textAt(lane.model, t)
  const waiting = isWaiting(lane.model, t)
  const shown = ending(content || reasoning, limit)
  const told = waiting ? "waiting…" : shown || (t < lane.model.sent_s ? "not sent yet" : "nothing")
  const text = make(content ? "span" : "span.faint", { dir: "auto" }, told)
  const count = content ? amount(content, words, lane.model.text.content, chars) : ""
  const row = make(waiting ? "span.cell.hatch" : "span.cell", make("span.window", text))
  row.append(make("span.foot", make("em", mark), count))
  row.style.setProperty("--tone", lane.colour || "")
  lane.cells.push(row)
  return row
}

/** Show which frame the clock is in. */
function drawFilm(view) {
  const here = countAt(view.times, view.t) - 1
  if (here === view.here) return
  view.frames[view.here]?.removeAttribute("aria-current")
  view.frames[here]?.setAttribute("aria-current", "true")
  view.here = here
}
