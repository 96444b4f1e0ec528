// Opens the viewer on this API's own document. Its search finds words of paths, summaries and descriptions, not names of parts alone.
"use strict";

function holds(operation, words) {
  const told = operation.get("operation");
  const text = [operation.get("path"), operation.get("method"), told.get("summary"), told.get("description")].join(" ");
  return words.every((word) => text.toLowerCase().includes(word));
}

function searched(parts, phrase) {
  const words = phrase.toLowerCase().split(/\s+/).filter(Boolean);
  return parts
    .map((part, name) => {
      const rest = words.filter((word) => !name.toLowerCase().includes(word));
      return part.set("operations", part.get("operations").filter((operation) => holds(operation, rest)));
    })
    .filter((part) => part.get("operations").size > 0);
}

const dark = matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", paint);
paint();

SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  docExpansion: "list",
  filter: true,
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  validatorUrl: null,
  supportedSubmitMethods: ["get", "head"], // a write needs a signature, which no page can make
  plugins: [{ fn: { opsFilter: searched } }],
  onComplete: () => {
    const search = document.querySelector(".operation-filter-input");
    search.placeholder = "Search paths and descriptions";
    search.setAttribute("aria-label", search.placeholder);
  },
});
