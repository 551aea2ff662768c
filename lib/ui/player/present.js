/* For showing it to a room: the race fills the screen, captions come one at a time. */

const FORWARD = ["ArrowRight", "ArrowDown", "PageDown", " "]
const BACK = ["ArrowLeft", "ArrowUp", "PageUp"]

function buildPresent(view) {
  return button("", () => present(view), "Present")
}

function buildCaption(view) {
  view.caption = make("p.said", { role: "status", dir: "auto" })
  view.count = make("span.count")
  const acts = { Back: () => turn(view, -1), Next: () => turn(view, 1), Leave: () => leave(view) }
  view.steps = Object.entries(acts).map(([words, act]) => button("", act, words))
  return make("div.caption", view.caption, make("div.turns", view.count, ...view.steps))
}

function present(view) {
  if (view.present || !view.data.captions?.length) return
  view.present = { at: 0, back: view.root.getRootNode().activeElement, keys: (event) => onPresentKey(view, event) }
  view.present.full = () => document.fullscreenElement || leave(view)
  window.addEventListener("keydown", view.present.keys, true)
  flag(view.root, "present", true)
  view.steps[1].focus()
  view.root.requestFullscreen?.().then(() => view.root.addEventListener("fullscreenchange", view.present?.full), () => {})
  seek(view, view.data.captions[0][0])
  arrive(view)
}

function leave(view) {
  const { present } = view
  if (!present) return
  view.present = view.until = null
  view.playing = false
  window.removeEventListener("keydown", present.keys, true)
  view.root.removeEventListener("fullscreenchange", present.full)
  if (document.fullscreenElement) document.exitFullscreen()
  flag(view.root, "present", false)
  present.back?.focus()
  restyle(view)
}

/** On: play from here to the next caption's moment and hold there; once more on the way jumps to it. Back: jump. */
function turn(view, by) {
  const { captions } = view.data
  const next = view.present.at + by
  if (view.playing) return arrive(view, seek(view, view.until))
  if (!captions[next]) return
  view.present.at = next
  view.until = Math.min(view.span, captions[next][0])
  if (by < 0 || view.until <= view.t) return arrive(view, seek(view, view.until))
  play(view, view.t)
}

/** The clock stands at the caption's moment: say it. */
function arrive(view) {
  const { captions } = view.data
  view.until = null
  put(view.caption, captions[view.present.at][1])
  put(view.count, `${view.present.at + 1} of ${captions.length}`)
  view.steps[0].disabled = view.present.at === 0
  view.steps[1].disabled = view.present.at === captions.length - 1
}

/** Nothing behind the screen hears a key. */
function onPresentKey(view, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return
  event.stopPropagation()
  event.preventDefault()
  const focused = view.steps.indexOf(view.root.getRootNode().activeElement)
  if (event.key === "Escape" || event.key.toLowerCase() === "p") leave(view)
  else if (event.key === "Tab") moveFocus(view, focused, event.shiftKey ? -1 : 1)
  else if (event.key === "Enter" && focused >= 0) view.steps[focused].click()
  else if (FORWARD.includes(event.key)) turn(view, 1)
  else if (BACK.includes(event.key)) turn(view, -1)
}

function moveFocus(view, from, by) {
  const open = view.steps.filter((button) => !button.disabled)
  open[(open.indexOf(view.steps[from]) + by + open.length) % open.length].focus()
}
