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
      shown.textContent = `${count} of ${rows.length} ${shown.dataset.things}`;
    });
  }
  const pan = document.querySelector(".pan");
  if (pan) {
    const most = 16;
    const stretch = pan.querySelector(".stretch");
    const labels = [...document.querySelectorAll(".lane .in")];
    const seconds = Number(stretch.dataset.seconds);
    const readout = document.getElementById("readout");
    const series = [...stretch.querySelectorAll("[data-values]")].flatMap((chart) =>
      chart.dataset.values.split(";").map((text) => {
        const [name, unit, runs] = text.split("|");
        const values = runs.split(",").flatMap((run) => {
          const [value, times] = run.split("*");
          return Array(Number(times || 1)).fill(Number(value));
        });
        return { name, unit, values };
      }));
    const cursor = document.createElement("div");
    cursor.className = "cursor";
    cursor.hidden = true;
    stretch.append(cursor);
    let zoom = 1;
    const fit = () => labels.forEach((label) => {
      const width = label.ownerSVGElement.getBoundingClientRect().width;
      label.style.display = (width * label.dataset.w) / 100 >= Number(label.dataset.n) ? "inline" : "none";
    });
    const set = (next, at) => {
      const before = zoom;
      zoom = Math.min(Math.max(next, 1), most);
      const point = at === undefined ? pan.clientWidth / 2 : at;
      const instant = (pan.scrollLeft + point) / before;
      stretch.style.width = zoom === 1 ? "" : `${100 * zoom}%`;
      pan.toggleAttribute("data-zoom", zoom >= 4);
      pan.scrollLeft = instant * zoom - point;
      fit();
    };
    const tools = document.getElementById("zoom");
    tools.hidden = readout.hidden = false;
    tools.addEventListener("click", (event) => {
      const by = event.target.dataset.by;
      if (by !== undefined) { set(Number(by) ? zoom * Number(by) : 1); }
    });
    pan.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) { return; }
      event.preventDefault();
      set(zoom * (event.deltaY < 0 ? 2 : 0.5), event.clientX - pan.getBoundingClientRect().left);
    }, { passive: false });
    const time = (value) => {
      const power = Math.min(Math.floor(Math.log10(seconds) / 3), 0);
      const unit = { 0: "s", "-1": "ms", "-2": "µs", "-3": "ns", "-4": "ps" }[power];
      return unit ? `${(value / 10 ** (3 * power)).toPrecision(4)} ${unit}` : `${value.toExponential(3)} s`;
    };
    const move = (event) => {
      const box = stretch.getBoundingClientRect();
      const part = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
      const title = event.target.closest("rect")?.querySelector("title")?.textContent;
      const said = series.map(({ name, unit, values }) =>
        `${name} ${values[Math.min(Math.floor(part * values.length), values.length - 1)]} ${unit}`);
      cursor.style.left = `${100 * part}%`;
      cursor.hidden = false;
      readout.textContent = [`${time(part * seconds)}`, ...(title ? [title] : []), ...said].join(" · ");
    };
    stretch.addEventListener("pointermove", move);
    stretch.addEventListener("pointerdown", move);
    pan.addEventListener("pointerleave", () => { cursor.hidden = true; });
    addEventListener("resize", fit);
    addEventListener("beforeprint", () => labels.forEach((label) => { label.style.display = ""; }));
    addEventListener("afterprint", fit);
    document.querySelectorAll("details").forEach((each) => each.addEventListener("toggle", fit));
    fit();
  }
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    opened.forEach((each) => { each.open = true; });
  });
  addEventListener("afterprint", () => { opened.forEach((each) => { each.open = false; }); });
})();
