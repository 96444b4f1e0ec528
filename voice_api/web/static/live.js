// Pages that stay true: when the server says that something changed, the page is fetched again and the parts marked `data-live`
// are put in place of the old ones. Nothing is reloaded: scroll, selection, focus, what is unfolded and what plays stay.
// A part may name what it shows, as in data-live="rounds weights"; one that names nothing shows everything but the progress of stages.
"use strict";

(() => {
  const parts = () => [...document.querySelectorAll("[data-live][id]")];
  if (parts().length === 0 || !("EventSource" in window)) return;

  const state = document.getElementById("live-state");
  const tell = (name, words) => {
    state.hidden = false;
    state.dataset.state = name;
    state.textContent = words;
  };

  const busy = (part) => {
    if (part.contains(document.activeElement) && document.activeElement !== document.body) return true;
    const chosen = document.getSelection();
    if (chosen && !chosen.isCollapsed && part.contains(chosen.anchorNode)) return true;
    return [...part.querySelectorAll("audio")].some((audio) => !audio.paused);
  };

  const PAUSE = 2000; // ms between two looks, however much news there is
  const REFUSED = 30000; // ms until a page that may not listen asks again
  const keepOpen = (part, next) => {
    const before = [...part.querySelectorAll("details")];
    [...next.querySelectorAll("details")].forEach((each, place) => {
      if (before[place]) each.open = before[place].open;
    });
  };

  let fetching = false;
  let again = false;
  const shows = (part, topics) => {
    const named = part.dataset.live.split(" ").filter(Boolean);
    return named.length === 0 ? topics.some((topic) => topic !== "progress") : topics.some((topic) => named.includes(topic));
  };

  const refresh = async () => {
    if (fetching) {
      again = true;
      return;
    }
    fetching = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-cache" });
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const part of parts()) {
          const next = fresh.getElementById(part.id);
          if (!next) continue;
          keepOpen(part, next);
          if (next.innerHTML === part.innerHTML) continue;
          if (busy(part)) again = true;
          else part.replaceChildren(...next.childNodes);
        }
        document.dispatchEvent(new CustomEvent("live"));
      }
    } catch {
      again = true; // the network is away: the next event, or the next try, brings it
    }
    setTimeout(() => {
      fetching = false;
      if (again) {
        again = false;
        refresh();
      }
    }, PAUSE);
  };

  const listen = () => {
    const source = new EventSource("/v1/live");
    source.addEventListener("listening", () => {
      tell("connected", "live");
      refresh(); // what changed since the page was written, or while the connection was away, was told to nobody
    });
    source.addEventListener("change", (event) => {
      const topics = JSON.parse(event.data);
      if (parts().some((part) => shows(part, topics))) setTimeout(refresh, Math.random() * 500);
    });
    source.addEventListener("error", () => {
      const refused = source.readyState === EventSource.CLOSED; // a lost connection is taken up again by the browser, a refusal never
      tell("away", refused ? "not live" : "reconnecting");
      if (refused) setTimeout(listen, REFUSED);
    });
  };
  tell("waiting", "connecting");
  listen();
})();
