/* What can be pressed: play and its clock, keys, the quiet row of options. */

const KEYS = `Space, K: play, pause
← →: 0.1 s back, on; with Shift 1 s
Home, End: to the start, the end
[ ] or < >: slower, faster
S: sound
P: present`

function play(view, from) {
  showEnd(view)
  view.t = from
  view.playing = true
  view.last = null
  request(view)
}

function pause(view) {
  view.playing = false
  view.status.textContent = view.t >= view.span ? "Finished" : `Paused at ${(view.t - view.zero).toFixed(2)} seconds`
  noteView(view)
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
  const from = view.t
  view.last = now
  view.t = Math.min(view.until ?? view.span, view.t + passed * view.speed)
  if (view.sound) hear(view, from, view.t)
  if (view.t >= (view.until ?? view.span)) pause(view)
  if (view.present && !view.playing) arrive(view)
}

function seek(view, t) {
  showEnd(view)
  view.playing = false
  view.t = Math.max(0, Math.min(view.span, t))
  noteView(view)
  request(view)
}

function setSpeed(view, speed) {
  view.speed = speed
  view.speeds.value = speed
  noteView(view)
}

function stepSpeed(view, by) {
  const at = SPEEDS.indexOf(view.speed) + by
  if (SPEEDS[at]) setSpeed(view, SPEEDS[at])
}

function onKey(view, event) {
  if (view.live || view.present || event.ctrlKey || event.metaKey || event.altKey) return
  const act = keyAct(view, event)
  if (!act) return
  act()
  event.preventDefault()
  event.stopPropagation()
}

/** What a key does where the focus is, null for what the focused control does itself. */
function keyAct(view, { key, shiftKey, target }) {
  const { tagName, type } = target
  if (tagName === "SELECT" || type === "number") return null
  if (key === " ") return /BUTTON|SUMMARY/.test(tagName) || type === "checkbox" ? null : () => toggle(view)
  const upright = { ArrowUp: 1, ArrowDown: -1 }[key]
  if (upright && type !== "range") return null
  const step = upright || { ArrowLeft: -1, ArrowRight: 1 }[key]
  if (step) return () => seek(view, view.t + step * (shiftKey ? 1 : 0.1))
  const acts = { k: () => toggle(view), s: () => toggleSound(view), p: () => present(view) }
  Object.assign(acts, { Home: () => seek(view, 0), End: () => seek(view, view.span) })
  acts["["] = acts["<"] = () => stepSpeed(view, -1)
  acts["]"] = acts[">"] = () => stepSpeed(view, 1)
  return acts[key.length === 1 ? key.toLowerCase() : key] || null
}

function buildTools(view) {
  const frames = make("select", { ariaLabel: "Frames" }, make("option", "doubling"), make("option", "equal"))
  frames.value = view.film
  frames.onchange = () => setFilm(view, frames.value)
  const tools = make("div.tools", make("label", "Frames", frames), buildReaders(view))
  if (view.all.length > 1) tools.append(popup("Lanes", buildPicker(view)))
  tools.append(make("span.space"), buildSound(view))
  if (view.data.captions?.length) tools.append(buildPresent(view))
  tools.append(popup("Keys", KEYS))
  return tools
}

function setFilm(view, film) {
  view.film = film
  layFilm(view)
  restyle(view)
  noteView(view)
}

/** A button that opens a small sheet, closed by Escape or by going elsewhere. */
function popup(name, content) {
  const sheet = make("div.sheet", { tabIndex: -1 }, content)
  const box = make("details.popup", make("summary", name), sheet)
  box.addEventListener("focusout", ({ relatedTarget }) => box.contains(relatedTarget) || (box.open = false))
  box.onkeydown = ({ key }) => key === "Escape" && (box.open = false)
  return box
}

function buildPicker(view) {
  const boxes = view.all.map((model) => make("input", { type: "checkbox", checked: view.picked.includes(model), onchange: () => pick() }))
  const limit = () => {
    const count = boxes.filter((box) => box.checked).length
    for (const box of boxes) box.disabled = box.checked ? count === 1 : count === MOST
  }
  const pick = () => {
    limit()
    view.picked = view.all.filter((_, i) => boxes[i].checked)
    lay(view)
    restyle(view)
    noteView(view)
  }
  limit()
  return make("div", ...view.all.map((model, i) => make("label", { dir: "auto" }, boxes[i], laneName(model))))
}
