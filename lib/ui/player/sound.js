/* Sound, off until asked for: a click per text event, a thud when a blocking answer lands; none while scrubbing. */

const CLICKS = 40

function buildSound(view) {
  view.speaker = button("speaker", () => toggleSound(view), make("i"), "Sound")
  view.speaker.ariaPressed = Boolean(view.sound)
  return view.speaker
}

function toggleSound(view) {
  if (view.sound) mute(view)
  else unmute(view)
  view.speaker.ariaPressed = Boolean(view.sound)
}

function unmute(view) {
  const context = new AudioContext()
  const click = tone(context, 0.012, (t) => Math.sin(2 * Math.PI * 1900 * t) * Math.exp(-t * 400))
  const thud = tone(context, 0.3, (t) => Math.sin(2 * Math.PI * (55 + 60 * Math.exp(-t * 30)) * t) * Math.exp(-t * 14))
  view.sound = { context, click, thud }
}

function mute(view) {
  view.sound?.context.close()
  view.sound = null
}

function tone(context, length, wave) {
  const buffer = context.createBuffer(1, Math.ceil(length * context.sampleRate), context.sampleRate)
  buffer.getChannelData(0).forEach((_, i, samples) => (samples[i] = wave(i / context.sampleRate)))
  return buffer
}

/** Sound what came in (from, to]: one frame late, each event at its true distance from the others. */
function hear(view, from, to) {
  let left = CLICKS
  for (const { model } of view.lanes) {
    for (let i = countAt(model.t, from); i < model.t.length && model.t[i] <= to && left > 0; i++) {
      if (!(model.kind[i] in model.text)) continue
      left -= 1
      const lands = model.mode === "blocking"
      strike(view.sound, lands ? "thud" : "click", (model.t[i] - from) / view.speed, lands ? 1 : 0.85 + 0.15 * model.tone)
      if (lands) break
    }
  }
}

function strike({ context, ...buffers }, name, wait, pitch) {
  const source = new AudioBufferSourceNode(context, { buffer: buffers[name], playbackRate: pitch })
  const gain = new GainNode(context, { gain: name === "thud" ? 0.9 : 0.25 })
  source.connect(gain).connect(context.destination)
  source.start(context.currentTime + wait)
}
