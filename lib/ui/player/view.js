/* The component: one view per element, built from data, drawn in an animation frame when something changed. */

const VIEWS = new WeakMap()
const MOST = 8
const SETTLE_MS = 200
const LIVE_FRAME_MS = 25
const FRAME_MS = 16
const COLOURS = ["#808A9E", "#0B5FFF"]

/** Runs again on every change of data or theme, keeps its state per element. */
export default function hero(component) {
  const { parentElement } = component
  const view = VIEWS.get(parentElement) || create(parentElement)
  update(view, component)
  const call = {}
  view.latest = call
  /* A cleanup that comes after a newer call is stale. */
  return () => view.latest === call && destroy(view)
}

function create(parentElement) {
  const root = make("div.sg", { tabIndex: -1 })
  parentElement.append(root)
  const view = { parentElement, root, all: [], lanes: [], t: 0, speed: 1, playing: false, frame: 0, due: 0, turn: 0, live: null, told: "" }
  Object.assign(view, { film: "doubling", reader: null, sound: null, present: null, link: null })
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
  leave(view)
  mute(view)
  clearTimeout(view.link?.timer)
  view.sizes.disconnect()
  view.scheme.removeEventListener("change", view.restyle)
  view.root.remove()
  VIEWS.delete(view.parentElement)
}

function update(view, { data, setTriggerValue, setStateValue }) {
  view.trigger = setTriggerValue
  view.report = setStateValue
  const { view: wanted, ...rest } = data
  const told = JSON.stringify(data.live ? { ...rest, lanes: data.lanes.map((lane) => lane.n) } : rest)
  if (told === view.told) return restyle(view)
  const before = view.live
  view.told = told
  hangUp(view)
  leave(view)
  build(view, data)
  restyle(view)
  if (data.live) return listen(view, data.live.url)
  if (data.announce) sayDrawn(view)
  settle(view, data, before !== null && before.together)
}

function settle(view, data, watched) {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches
  const start = view.link?.first.t ?? data.start_s
  seek(view, start || view.span)
  if (data.autoplay && !still && !watched && view.link?.first.t === undefined) play(view, data.start_s || 0)
  else showStart(view)
}

/** The page holds heavier things back until the lanes are on the screen and can be used. */
function sayDrawn(view) {
  requestAnimationFrame(() => setTimeout(() => view.report?.("drawn", true), SETTLE_MS))
}

/** At rest a long answer shows its beginning, until the clock is moved. */
function showStart(view) {
  draw(view)
  view.atStart = view.t >= view.span
  if (view.atStart) for (const lane of view.lanes) lane.body.scrollTop = -lane.body.scrollHeight
}

function showEnd(view) {
  if (view.atStart) for (const lane of view.lanes) lane.body.scrollTop = 0
  view.atStart = false
}

function build(view, data) {
  view.playing = false
  view.data = data
  view.span = data.duration_s
  view.zero = data.zero_s || 0
  view.speed = data.speed
  view.all = data.lanes.map((lane) => prepare({ ...lane, zero_s: view.zero }))
  view.picked = view.all.filter((model) => model.shown !== false).slice(0, MOST)
  openLink(view, data)
  view.panes = make("div.panes")
  view.strips = make("div.film", { role: "group", ariaLabel: "What could be read, moment by moment" })
  view.status = make("p.status", { role: "status" })
  view.legend = make("p.legend")
  view.felt = make("div.felt", { hidden: true })
  view.root.classList.toggle("live", Boolean(data.live))
  view.root.setAttribute("role", "group")
  view.root.replaceChildren(view.panes, buildClock(view), view.legend, ...(data.live ? [] : [buildTools(view), view.felt, view.strips]))
  view.root.append(buildCaption(view), view.status)
  lay(view)
}

/** Put the picked lanes on the screen; the controls stay as they are. */
function lay(view) {
  view.lanes = view.picked.map(buildLane)
  const { length } = view.lanes
  view.root.setAttribute("aria-label", `Replay of ${plural(length, "call")}`)
  view.root.classList.toggle("many", length > 2)
  view.root.classList.toggle("crowd", length > 4)
  view.panes.style.setProperty("--columns", length > 4 ? 4 : length === 3 ? 3 : Math.min(length, 2))
  view.panes.replaceChildren(...view.lanes.map((lane) => lane.pane))
  layReader(view)
  layStrip(view)
  fillLegend(view)
  if (!view.data.live) layFilm(view)
}

/** An element: "tag.class.class", its properties if any, then its children. */
function make(name, ...children) {
  const [tag, ...classes] = name.split(".")
  const props = children[0]?.constructor === Object ? children.shift() : {}
  const element = Object.assign(document.createElement(tag), { className: classes.join(" ") }, props)
  element.append(...children)
  return element
}

function button(name, onclick, ...children) {
  return make(`button.${name}`, { type: "button", onclick }, ...children)
}

function put(element, text) {
  const node = element.firstChild || element.appendChild(document.createTextNode(""))
  if (node.data !== text) node.data = text
}

function restyle(view) {
  const style = getComputedStyle(view.root)
  const listed = style.getPropertyValue("--st-chart-categorical-colors").match(/#[0-9a-f]{3,8}\b|rgba?\([^)]*\)/gi)
  const series = listed && listed.length > 1 ? listed : COLOURS
  for (const lane of view.lanes) {
    lane.colour = series[lane.model.tone % series.length]
    lane.room = (lane.body.clientWidth * lane.body.clientHeight) / 80 || 1
    for (const part of [lane.pane, lane.track, lane.label, lane.steps, ...lane.cells]) part.style.setProperty("--tone", lane.colour)
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
  if (now < view.due) return request(view)
  view.due = Math.max(view.due + (view.live ? LIVE_FRAME_MS : FRAME_MS), now)
  if (view.playing) advance(view, now)
  draw(view)
  if (view.playing || (view.live && view.lanes.some(isRunning))) request(view)
}

/** A crowd of panes is drawn a quarter a frame: text is what costs, and 15 times a second reads as well. */
function isTurn(view, i) {
  return !view.playing || view.stale || view.lanes.length <= 4 || i % 4 === view.turn
}

function draw(view) {
  if (view.live) widen(view)
  view.turn = (view.turn + 1) % 4
  view.lanes.forEach((lane, i) => isTurn(view, i) && drawPane(view, lane))
  if (view.stale) drawStrip(view)
  else if (view.live) growStrip(view)
  view.stale = false
  drawTime(view)
  if (!view.live) drawFilm(view)
}
