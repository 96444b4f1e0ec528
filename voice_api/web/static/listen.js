// Compares clips without a gap: all are decoded, started together and turned up and down, so that switching is a matter of
// milliseconds and never of loudness. Without Web Audio each clip keeps the player that the page has for it.
"use strict";

(() => {
  const TARGET_LUFS = -23; // the loudness of every clip, or less where one would clip
  const MOST_PEAK = 0.999;
  const RAMP_SECONDS = 0.008; // short enough not to be noticed, long enough not to click

  const cards = [...document.querySelectorAll(".heard[data-opus]")];
  const transport = document.getElementById("transport");
  if (cards.length === 0) return;
  const Context = window.AudioContext || window.webkitAudioContext;
  const alone = () => {
    document.getElementById("alone").hidden = false;
    const quietest = Math.min(...cards.map((card) => Number(card.dataset.lufs)));
    for (const card of cards) card.querySelector("audio").volume = Math.min(1, 10 ** ((quietest - Number(card.dataset.lufs)) / 20));
  };
  if (!Context) {
    alone();
    return;
  }

  const play = document.getElementById("play");
  const seek = document.getElementById("seek");
  const clock = document.getElementById("clock");
  const buttons = [...transport.querySelectorAll("button[data-clip]")];
  const room = (card) => Number(card.dataset.lufs) + 20 * Math.log10(MOST_PEAK / Math.max(Number(card.dataset.peak), 1e-4));
  const level = Math.min(TARGET_LUFS, ...cards.filter((card) => Number(card.dataset.lufs) > -70).map(room));
  const clips = cards.map((card) => ({
    card,
    id: card.dataset.id,
    gain: 10 ** ((level - Math.max(Number(card.dataset.lufs), -70)) / 20),
    seconds: Number(card.dataset.seconds),
    head: null,
  }));
  let context = null;
  let decoded = null;
  let active = 0;
  let started = 0; // the context's time at which position 0 was, or would have been
  let position = 0;
  let playing = false;
  let starting = false;
  let length = 0;

  const fetched = async (path) => {
    const answer = await fetch(path);
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return answer.arrayBuffer();
  };
  const decode = async (clip) => {
    try {
      clip.buffer = await context.decodeAudioData(await fetched(clip.card.dataset.opus));
    } catch {
      clip.buffer = await context.decodeAudioData(await fetched(clip.card.dataset.flac)); // a browser without Ogg
    }
  };
  const prepare = () => {
    context ??= new Context();
    decoded ??= Promise.all(clips.map(decode)).then(() => {
      length = Math.max(...clips.map((clip) => clip.buffer.duration));
      seek.max = String(length);
    });
    return decoded;
  };

  const now = () => (playing ? Math.min(length, context.currentTime - started) : position);
  const show = () => {
    const at = now();
    seek.value = String(at);
    clock.textContent = `${at.toFixed(1)} s`;
    for (const clip of clips) {
      if (!clip.head) continue;
      const wave = clip.card.querySelector(".wave");
      clip.head.style.left = `${wave.offsetLeft + wave.offsetWidth * Math.min(1, at / clip.seconds)}px`;
    }
    if (playing && at >= length) stop(0);
    if (playing) requestAnimationFrame(show);
  };

  const start = async () => {
    if (starting) return; // a second press while the clips are fetched starts nothing twice
    starting = true;
    try {
      await prepare();
      await context.resume();
    } finally {
      starting = false;
    }
    for (const audio of document.querySelectorAll("audio")) audio.pause();
    if (position >= length) position = 0;
    const at = context.currentTime + 0.02;
    for (const [number, clip] of clips.entries()) {
      clip.volume = context.createGain();
      clip.volume.gain.value = number === active ? clip.gain : 0;
      clip.volume.connect(context.destination);
      clip.source = context.createBufferSource();
      clip.source.buffer = clip.buffer;
      clip.source.connect(clip.volume);
      if (position < clip.buffer.duration) clip.source.start(at, position);
      else clip.source = null;
    }
    started = at - position;
    playing = true;
    play.textContent = "Pause";
    play.setAttribute("aria-pressed", "true");
    transport.dataset.state = "playing";
    show();
  };
  const stop = (to) => {
    position = to ?? now();
    playing = false;
    for (const clip of clips) {
      clip.source?.stop();
      clip.volume?.disconnect();
      clip.source = clip.volume = null;
    }
    play.textContent = "Play";
    play.setAttribute("aria-pressed", "false");
    transport.dataset.state = "paused";
    show();
  };
  const failed = (error) => {
    transport.hidden = true;
    alone();
    document.getElementById("alone").textContent += ` (${error.message})`;
  };
  const toggle = () => (playing ? stop() : start().catch(failed));

  const remember = (id) => {
    try {
      sessionStorage.setItem("listen", id);
    } catch {
      // a browser that keeps nothing: the next page begins with the first model
    }
  };
  const remembered = () => {
    try {
      return sessionStorage.getItem("listen");
    } catch {
      return null;
    }
  };
  const choose = (number) => {
    if (number < 0 || number >= clips.length) return;
    const before = active;
    active = number;
    if (playing) {
      const at = context.currentTime;
      for (const [place, clip] of clips.entries()) {
        const { gain } = clip.volume;
        gain.cancelScheduledValues(at);
        gain.setValueAtTime(gain.value, at);
        gain.linearRampToValueAtTime(place === active ? clip.gain : 0, at + RAMP_SECONDS);
      }
    }
    for (const [place, clip] of clips.entries()) {
      clip.card.classList.toggle("active", place === active);
      buttons[place].setAttribute("aria-pressed", String(place === active));
    }
    transport.dataset.active = clips[active].id;
    remember(clips[active].id);
    const told = { before: clips[before].id, after: clips[active].id, seconds: RAMP_SECONDS, gain: clips[active].gain };
    transport.dispatchEvent(new CustomEvent("switched", { bubbles: true, detail: told }));
  };

  const go = (rel) => document.querySelector(`.asked a[rel="${rel}"]`)?.click();
  const typing = (target) => target.closest("input, select, textarea, audio, [contenteditable]") !== null;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (/^[1-4]$/.test(event.key)) choose(Number(event.key) - 1);
    else if (event.key === "ArrowLeft") go("prev");
    else if (event.key === "ArrowRight") go("next");
    else if (event.key === " " && !event.target.closest("button, a, summary")) toggle();
    else return;
    event.preventDefault();
  });
  play.addEventListener("click", toggle);
  for (const [place, button] of buttons.entries()) button.addEventListener("click", () => choose(place));
  seek.addEventListener("input", async () => {
    const wanted = Number(seek.value);
    const on = playing;
    try {
      await prepare();
    } catch (error) {
      failed(error);
      return;
    }
    if (on) stop(wanted);
    position = wanted;
    if (on) start().catch(failed);
    else show();
  });
  for (const audio of document.querySelectorAll("audio")) audio.addEventListener("play", () => playing && stop());
  for (const clip of clips.filter((each) => each.card.querySelector(".pictures"))) {
    clip.head = document.createElement("span");
    clip.head.className = "head";
    clip.card.querySelector(".pictures").append(clip.head);
  }

  seek.max = String(Math.max(...clips.map((clip) => clip.seconds)));
  document.getElementById("level").textContent = `, ${level.toFixed(1)} LUFS`;
  transport.hidden = false;
  choose(Math.max(0, clips.findIndex((clip) => clip.id === remembered())));
  show();
})();
