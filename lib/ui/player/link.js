/* The view in the address: a link shows what its sender saw. Only where the page asks for it (data.view). */

const WRITE_MS = 300

/** Take the link's wishes when the hero is built in this element; later data change nothing of the view. */
function openLink(view, data) {
  if (!data.view || data.live || view.link) return
  view.link = { first: data.view, timer: 0, preset: { speed: data.speed, lanes: laneList(view) } }
  const { speed, film, wpm, cpm, lanes } = data.view
  if (SPEEDS.includes(speed)) view.speed = speed
  if (film) view.film = film
  if (wpm) view.wish = { kind: Object.keys(PRESETS).find((kind) => PRESETS[kind] === wpm) || "own", unit: "words", own: wpm }
  if (cpm) view.wish = { kind: "own", unit: "characters", own: cpm }
  const picked = (lanes || []).map((i) => view.all[i]).filter(Boolean)
  if (picked.length) view.picked = view.all.filter((model) => picked.includes(model)).slice(0, MOST)
}

function laneList(view) {
  return view.picked.map((model) => view.all.indexOf(model)).join(".")
}

function noteView(view) {
  clearTimeout(view.link?.timer)
  if (view.link) view.link.timer = setTimeout(() => writeView(view), WRITE_MS)
}

function writeView(view) {
  if (view.live || view.playing || view.present) return
  const { preset } = view.link
  const lanes = laneList(view)
  const wanted = {
    t: view.t < view.span ? Number(view.t.toFixed(2)) : null,
    speed: view.speed === preset.speed ? null : view.speed,
    wpm: view.rate && !view.foreign ? view.rate : null,
    cpm: view.rate && view.foreign ? view.rate : null,
    film: view.film === "doubling" ? null : view.film,
    lanes: lanes === preset.lanes ? null : lanes,
  }
  const address = new URL(location.href)
  for (const [name, value] of Object.entries(wanted)) {
    if (value === null) address.searchParams.delete(name)
    else address.searchParams.set(name, value)
  }
  if (address.href === location.href) return
  history.replaceState(history.state, "", address)
  dispatchEvent(new Event("streamgauge:view"))
}
