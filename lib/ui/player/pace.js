/* A reader of even speed behind a text that arrives piece by piece: METRICS.md 6. Pure. */

const PRESETS = { silent: 238, aloud: 183 }
const LETTERS = 5.6
const OWN = { words: [60, 1000], characters: [60, 6000] }

/** Visible text by the moment it came: {t, n characters, before it, unit: where it begins in the text}. */
export function visibleArrivals(model) {
  const found = []
  let [before, unit] = [0, 0]
  model.t.forEach((time, i) => {
    const n = model.ends[i].chars - before
    if (model.kind[i] !== "content" || !n) return
    const t = model.mode === "blocking" ? (model.first_s ?? time) : time
    const last = found[found.length - 1]
    if (last?.t === t) last.n += n
    else found.push({ t, n, before, unit })
    before += n
    unit = model.ends[i].content
  })
  return found
}

/** When a reader of `cps` characters a second begins and ends each arrival, and where the text lets them wait. */
export function follow(arrivals, cps) {
  const pace = { arrivals, cps, begins: [], ends: [], stalls: [], stall_s: 0 }
  let free = null
  for (const { t, n } of arrivals) {
    if (free !== null && t > free) pace.stalls.push({ from: free, at: t, s: t - free })
    const begin = free === null ? t : Math.max(free, t)
    free = begin + n / cps
    pace.begins.push(begin)
    pace.ends.push(free)
  }
  pace.stall_s = pace.stalls.reduce((sum, { s }) => sum + s, 0)
  return { ...pace, stall_count: pace.stalls.length, finish_s: free }
}

/** Characters read at `t`. */
export function readAt(pace, t) {
  const i = countAt(pace.begins, t) - 1
  if (i < 0) return 0
  const { before, n } = pace.arrivals[i]
  return before + Math.min(n, Math.floor((t - pace.begins[i]) * pace.cps + 1e-9))
}

/** Whether most letters are of another script than Latin, for which the presets do not hold. */
export function isForeign(text) {
  const letters = text.slice(0, 4000).match(/\p{L}/gu) || []
  return letters.filter((letter) => !/\p{Script=Latin}/u.test(letter)).length * 2 > letters.length
}

/** What a reader at this speed feels of the lane, in one sentence that tells stalls, gaps and freezes apart. */
export function feltSentence(model, { arrivals, stalls, stall_s, finish_s }, speed) {
  const who = `a reader at ${speed}`
  if (!arrivals.length) return "Nothing to read."
  if (arrivals.length === 1) return `All of it comes at once; ${who} is through by ${rounded(finish_s - model.zero_s)}.`
  const freezes = model.freezes.map(([from, to]) => ({ from, s: to - from, felt: stalls.find(({ at }) => Math.abs(at - to) < 2e-4)?.s || 0 }))
  const felt = freezes.reduce((sum, freeze) => sum + freeze.felt, 0)
  const slow = stalls.length - freezes.filter((freeze) => freeze.felt).length
  const slowly = `${who} waits ${slow === 1 ? "once" : `${slow.toLocaleString("en")} times`}, ${rounded(stall_s - felt)} in all.`
  if (freezes.length) return frozenWords(model, freezes, felt, who) + (slow ? ` Between slow arrivals ${slowly}` : "")
  if (slow) return `No freeze, but the text comes slower than it is read: ${slowly}`
  const longest = arrivals.reduce((most, { t }, i) => (i ? Math.max(most, t - arrivals[i - 1].t) : 0), 0)
  return `No freeze; the longest gap is ${seconds(longest)}, and no reader at ${speed} would notice it.`
}

function frozenWords(model, freezes, felt, who) {
  const { length } = freezes
  const longest = freezes.reduce((most, freeze) => (freeze.s > most.s ? freeze : most))
  const at = rounded(longest.from - model.zero_s)
  if (!felt) return `${length > 1 ? `${length} freezes, the longest a ` : ""}${rounded(longest.s)} freeze at ${at}: ${who.replace("a", "no")} would notice.`
  const whole = rounded(freezes.reduce((sum, { s }) => sum + s, 0))
  return `The text stops ${length > 1 ? `${length} times, for ${whole} in all, the longest` : `for ${whole}`} at ${at}: ${who} waits ${rounded(felt)} of it.`
}

/** Seconds with one digit, or two where one would say nothing. */
function rounded(s) {
  return `${s.toFixed(s < 0.1 ? 2 : 1)} s`
}
