// Runs beside pages in frames of several widths and writes what it measures into the document.
(() => {
  const box = (element) => element.getBoundingClientRect();
  const seen = (element) => {
    const { width, height } = box(element);
    return width > 0 && height > 0 && element.ownerDocument.defaultView.getComputedStyle(element).visibility !== "hidden";
  };
  const name = (element) => `"${element.textContent.slice(0, 40)}"`;
  const overlaps = (a, b) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 2;
  const outer = (page) => [...page.querySelectorAll("svg")].filter((each) => !each.ownerSVGElement && seen(each));
  const own = (text) => { const copy = text.cloneNode(true); copy.querySelectorAll("title").forEach((each) => each.remove()); return copy.textContent; };
  const sweep = (page, view) => {
    const points = page.getElementById("points");
    const column = [...points.tHead.rows[0].cells].findIndex((head) => head.textContent.startsWith("latency ("));
    const values = () => [...points.tBodies[0].rows].map((row) => row.cells[column].textContent).filter((text) => text !== "–").map(Number);
    const found = { rows: points.tBodies[0].rows.length, orders: [], sorted: [] };
    for (let click = 0; click < 2; click += 1) {
      const head = points.tHead.rows[0].cells[column];
      head.querySelector("button").click();
      found.orders.push(head.getAttribute("aria-sort"));
      found.sorted.push(values());
    }
    const change = (name, text) => { page.getElementById(name).value = text; page.getElementById(name).dispatchEvent(new view.Event("change")); };
    page.getElementById("find").value = "rows=8,";
    page.getElementById("find").dispatchEvent(new view.Event("input"));
    found.filtered = points.tBodies[0].rows.length;
    found.cells = page.querySelectorAll("#map tbody td").length;
    found.chosen = [page.getElementById("down").value, page.getElementById("along").value];
    change("by", "cores.npu.rows");
    found.coloured = new Set([...page.querySelectorAll("#scatter circle")].map((dot) => dot.getAttribute("class"))).size;
    const dot = box(page.querySelector("#scatter circle"));
    const at = { bubbles: true, clientX: dot.left + dot.width / 2, clientY: dot.top + dot.height / 2 };
    page.getElementById("scatter").dispatchEvent(new view.PointerEvent("pointermove", at));
    found.said = page.getElementById("said").textContent;
    page.getElementById("scatter").dispatchEvent(new view.MouseEvent("click", at));
    found.yaml = page.getElementById("one").hidden ? "" : page.getElementById("yaml").textContent;
    return found;
  };
  const look = (frame) => {
    const page = frame.contentDocument;
    const view = frame.contentWindow;
    page.querySelectorAll("details").forEach((each) => { each.open = true; });
    const found = { width: frame.clientWidth, overlap: [], cut: [], small: [], without_unit: [], outside: [] };
    found.overflow = page.documentElement.scrollWidth - page.documentElement.clientWidth;
    found.drawings = outer(page).length;
    for (const svg of outer(page)) {
      const plot = svg.closest(".plot");
      const beside = plot ? [...plot.querySelectorAll(".ys span")] : [];
      const texts = [...svg.querySelectorAll("text"), ...beside].filter(seen);
      texts.forEach((a, i) => texts.slice(i + 1).forEach((b) => {
        if (overlaps(box(a), box(b))) { found.overlap.push(`${svg.getAttribute("aria-label")}: ${name(a)} and ${name(b)}`); }
      }));
      texts.forEach((text) => {
        if (box(text).left < box(svg).left - 1 || box(text).right > box(svg).right + 1) { found.cut.push(name(text)); }
        if (parseFloat(view.getComputedStyle(text).fontSize) < 11) { found.small.push(name(text)); }
      });
      svg.querySelectorAll(".in").forEach((label) => {
        const bar = label.previousElementSibling;
        if (seen(label) && (box(label).left < box(bar).left || box(label).right > box(bar).right)) { found.outside.push(name(label)); }
      });
      const kind = svg.getAttribute("class");
      const unit = /\((%|[fpnµmkMGTP]?(s|J|B\/s|OPS|OPS = ops\/s)|[KMGT]?i?B|mm²|ops\/B)\)/;
      const where = kind === "area" ? [svg.closest("figure").querySelector("figcaption")] : texts;
      if (kind !== "lane" && !where.some((each) => unit.test(own(each)))) { found.without_unit.push(svg.getAttribute("aria-label")); }
    }
    found.labels = [...page.querySelectorAll(".lane .in")].filter(seen).length;
    const table = page.getElementById("layers");
    if (table) {
      const heads = [...table.tHead.rows[0].cells];
      const column = heads.findIndex((head) => head.textContent.startsWith("exposed"));
      const values = () => [...table.tBodies[0].rows].map((row) => Number(row.cells[column].textContent.replace(/[\s\u202f]/g, "")));
      found.sorted = [];
      for (let click = 0; click < 3; click += 1) {
        heads[column].querySelector("button").click();
        found.sorted.push({ order: heads[column].getAttribute("aria-sort"), values: values() });
      }
    }
    if (page.getElementById("points")) { found.sweep = sweep(page, view); }
    found.lost = [...page.querySelectorAll("a[href^='#']")].map((each) => each.hash.slice(1))
      .filter((name) => !page.getElementById(name) && !JSON.parse(page.getElementById("data").textContent).keys.includes(name));
    const pan = page.querySelector(".pan");
    if (pan) {
      const stretch = pan.querySelector(".stretch");
      const before = box(stretch).width;
      page.querySelector('#zoom [data-by="2"]').click();
      found.zoomed = box(stretch).width / before;
      found.zoom_scrolls = pan.scrollWidth > pan.clientWidth;
      found.zoom_overflow = page.documentElement.scrollWidth - page.documentElement.clientWidth;
      page.querySelector('#zoom [data-by="0"]').click();
      const { left, top, width } = box(stretch);
      const options = { bubbles: true, clientX: left + width / 2, clientY: top + 20 };
      stretch.dispatchEvent(new view.PointerEvent("pointermove", options));
      found.readout = page.getElementById("readout").textContent;
    }
    return found;
  };
  addEventListener("load", () => {
    const said = document.createElement("pre");
    said.id = "probe";
    said.textContent = JSON.stringify([...document.querySelectorAll("iframe")].map(look));
    document.body.append(said);
  });
})();
