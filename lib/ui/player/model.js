/* The hero, part by part joined by lib/player.py: what lanes hold at an instant. Pure; data is lib/lanes.py's. */

const TAIL = 20000
const BLOCK = 4096

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

/** [seconds, kind, text] of each event of a packed lane. */
export function* unpack(lane) {
  const steps = lane.dt ? lane.dt.split(" ") : []
  const runs = lane.kinds ? lane.kinds.split(" ") : []
  const sizes = lane.sizes.matchAll(/\((\d+)\)|\d/g)
  let [now, at, left, kind] = [0, 0, 0, ""]
  for (const step of steps) {
    if (!left) [kind, left] = [runs.shift(), Number(runs.shift())]
    left -= 1
    now += Number(step)
    const size = kind in { reasoning: 0, content: 0 } ? sizeOf(sizes.next().value) : 0
    yield [now / 10000, kind, lane.text.slice(at, at + size)]
    at += size
  }
}

function sizeOf(match) {
  return Number(match[1] || match[0])
}

/** A lane as it is played: running totals per event, so that any instant is one search away. */
export function prepare(lane) {
  const model = { zero_s: 0, sent_s: 0, freezes: [], suspects: [], ...lane, t: [], kind: [], ends: [] }
  Object.assign(model, { text: { reasoning: "", content: "" }, words: 0, chars: 0, inWord: false, first_text: null })
  for (const [t, kind, text] of unpack(lane)) append(model, t, kind, text)
  return model
}

/** Add one event to a prepared lane. */
export function append(model, t, kind, text) {
  const at = model.t.length ? Math.max(t, model.t[model.t.length - 1]) : t
  if (kind in model.text) takeText(model, at, kind, text)
  model.t.push(at)
  model.kind.push(kind)
  const { text: { reasoning, content }, words, chars } = model
  model.ends.push({ reasoning: reasoning.length, content: content.length, words, chars })
}

function takeText(model, at, kind, text) {
  model.text[kind] += text
  model.first_text ??= at
  if (kind !== "content" || !text) return
  const found = text.match(/\S+/gu) || []
  model.words += found.length - (model.inWord && found.length && /^\S/u.test(text) ? 1 : 0)
  model.inWord = /\S$/u.test(text)
  model.chars += [...text].length
  if (/\S/u.test(text)) model.first_s ??= at
}

/** What could be read of a prepared lane at `t`: exactly the text of the events up to then. */
export function textAt(model, t) {
  return textOf(model, countAt(model.t, t))
}

function textOf(model, count) {
  const end = model.ends[count - 1] || { reasoning: 0, content: 0, words: 0, chars: 0 }
  return {
    reasoning: model.text.reasoning.slice(0, end.reasoning),
    content: model.text.content.slice(0, end.content),
    words: end.words,
    chars: end.chars,
  }
}

/** Where the end of a long text begins: at whole blocks, so that lines don't reflow with every event. */
export function tailStart(text) {
  return text.length <= TAIL ? 0 : whole(text, Math.ceil((text.length - TAIL) / BLOCK) * BLOCK)
}

/** `at`, or one further where it would halve a character. */
function whole(text, at) {
  const unit = text.charCodeAt(at)
  return unit >= 0xdc00 && unit < 0xe000 ? at + 1 : at
}

/** "12 words", or characters where words say little: scripts without spaces, lists without them. */
export function amount(content, words, all = content, chars = [...content].length) {
  const spaced = !/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u.test(all.slice(0, 400))
  const sparse = all.length > 24 && !/\S\s+\S/u.test(all.slice(0, 60))
  if (spaced && !sparse) return plural(words, "word")
  return plural(chars, "character")
}

function plural(n, word) {
  return `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`
}

/** Seconds for people. */
export function seconds(x) {
  return `${x.toFixed(x < 99.995 ? 2 : 1)} s`
}

/** Round places on an axis of `span` seconds that reads 0 at `zero`, at most `most` steps. */
export function ticks(span, most, zero = 0) {
  const power = 10 ** Math.floor(Math.log10(span / most))
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => span / s <= most)
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9))
  const places = []
  for (let i = -Math.floor(zero / step + 1e-9); zero + i * step <= span * 1.0001; i++) {
    places.push({ t: zero + i * step, label: (i * step).toFixed(digits).replace("-", "−") })
  }
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
  if (model.mode === "blocking" && model.first_s !== null) return `everything at once after ${after(model, model.first_s)}`
  const first = model.first_s === null ? "no text" : `first text after ${after(model, model.first_s)}`
  return `${plural(model.t.length, "event")}, ${first}, last event at ${after(model, last)}`
}

/** A moment of the picture's clock as seconds since this lane's own request. */
function after(model, t) {
  return seconds(Math.max(0, t - model.sent_s))
}

/** Whether nothing can be read of the lane at `t` although something is still to come. */
export function isWaiting(model, t) {
  if (t < model.sent_s) return false
  if (model.first_text !== null) return t < model.first_text
  return model.t.length > 0 && t < model.t[model.t.length - 1]
}

/** A live lane's words while it shows nothing. `next`: the lane that is sent next. */
export function liveWords(model, next) {
  if (model.state === "sent") return "nothing to read yet"
  if (model.state === "planned" || model.state === "wait") return model === next ? "its turn comes next" : "waiting for its turn"
  return ""
}
