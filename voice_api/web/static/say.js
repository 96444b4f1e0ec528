// The page /say: counts the characters, knows which voices hear a description, and looks after a sentence until it was said.
"use strict";

(() => {
  const LOOK_MS = 700;
  const text = document.getElementById("text");
  const count = document.getElementById("count");
  const who = document.getElementById("who");
  const description = document.getElementById("description");
  const unheard = document.getElementById("unheard");

  const counted = () => {
    const most = Number(count.dataset.most);
    count.textContent = `${text.value.length} of ${most}`;
    count.classList.toggle("full", text.value.length >= most);
  };
  if (text && count) {
    text.addEventListener("input", counted);
    counted();
  }

  const heard = () => {
    const hears = who.selectedOptions[0] && "hears" in who.selectedOptions[0].dataset;
    description.disabled = !hears;
    unheard.hidden = hears;
  };
  if (who && description) {
    who.addEventListener("change", heard);
    heard();
  }

  // The server says how a sentence stands: its part of the page is fetched again and put in place, and nothing else moves.
  const look = async () => {
    let waits = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-cache" });
      const found = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = found.getElementById("speech");
      const shown = document.getElementById("speech");
      if (answer.ok && fresh && shown) {
        waits = "waits" in fresh.dataset;
        for (const id of ["waiting", "speech"]) {
          const [now, next] = [document.getElementById(id), found.getElementById(id)];
          if (now && next && now.innerHTML !== next.innerHTML) now.replaceChildren(...next.childNodes);
        }
        if (!waits) {
          delete shown.dataset.waits;
          const audio = shown.querySelector("audio");
          if (audio) audio.play().catch(() => {}); // a browser that plays nothing by itself shows the player
        }
      } else if (answer.status === 404) {
        waits = false;
      }
    } catch {
      // the network is away: the next look may find it
    }
    if (waits) setTimeout(look, LOOK_MS);
  };
  if (document.querySelector("#speech[data-waits]")) setTimeout(look, LOOK_MS);
})();
