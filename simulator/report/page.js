(() => {
  const table = document.getElementById("layers");
  if (table) {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    const rows = [...body.rows];
    const value = (row, column) => {
      const text = row.cells[column].textContent.trim();
      const plain = text.replace(/[\s\u202f≥]/g, "");
      return plain !== "" && !isNaN(plain) ? Number(plain) : text;
    };
    const before = (a, b) =>
      typeof a === "number" && typeof b === "number" ? a - b
      : typeof a === "number" ? -1
      : typeof b === "number" ? 1
      : a.localeCompare(b, undefined, { numeric: true });
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        const numeric = head.classList.contains("n");
        const next = now === "none" ? (numeric ? "descending" : "ascending")
          : now === (numeric ? "descending" : "ascending") ? (numeric ? "ascending" : "descending") : "none";
        heads.forEach((other) => other.setAttribute("aria-sort", "none"));
        head.setAttribute("aria-sort", next);
        const order = [...rows];
        if (next !== "none") {
          const keys = new Map(rows.map((row) => [row, value(row, column)]));
          const sign = next === "ascending" ? 1 : -1;
          const known = (row) => !numeric || typeof keys.get(row) === "number";
          order.sort((a, b) =>
            known(a) && known(b) ? sign * before(keys.get(a), keys.get(b)) : Number(known(b)) - Number(known(a)));
        }
        body.append(...order);
      });
    });
    const filter = document.getElementById("filter");
    const shown = document.getElementById("shown");
    document.getElementById("tools").hidden = false;
    filter.addEventListener("input", () => {
      const wanted = filter.value.trim().toLowerCase();
      let count = 0;
      rows.forEach((row) => {
        row.hidden = wanted !== "" && !row.textContent.toLowerCase().includes(wanted);
        count += !row.hidden;
      });
      shown.textContent = `${count} of ${rows.length} layers`;
    });
  }
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    opened.forEach((each) => { each.open = true; });
  });
  addEventListener("afterprint", () => { opened.forEach((each) => { each.open = false; }); });
})();
