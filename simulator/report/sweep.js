(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const id = (name) => document.getElementById(name);
  const count = data.keys.length;
  const front = new Set(data.front);
  const figures = Object.keys(data.columns);
  const axes = data.axes;
  const word = (name, i) => data.words[name].values[data.words[name].at[i]];
  const value = (name, i) => (name in data.columns ? data.columns[name][i] : word(name, i));
  const text = (x) => (x === null || x === undefined ? "–" : String(x));
  const named = (name) => data.short[name] ?? data.labels[name]?.text ?? name;
  const titled = (name) => (data.labels[name]?.unit ? `${named(name)} (${data.labels[name].unit})` : named(name));
  const digits = (x) => Number(x.toPrecision(4)).toString();
  const scaled = (name, x) => (typeof x === "number" && name in data.labels ? x * data.labels[name].factor : x);
  const shown = (name, i) => {
    const each = value(name, i);
    return typeof each === "number" && name in data.labels ? digits(scaled(name, each)) : text(each);
  };
  const place = (i) => axes.filter((axis) => word(axis, i) !== null).map((axis) => `${axis}=${word(axis, i)}`).join(", ");
  const design = (i) => axes.filter((axis) => word(axis, i) !== null).map((axis) => `${named(axis)} ${word(axis, i)}`).join(", ") || "the chip as it is";
  const usable = (name, i) => typeof data.columns[name][i] === "number";
  const fill = (select, names, chosen) => {
    names.forEach((name) => select.append(new Option(named(name), name, false, name === chosen)));
  };
  const objectives = Object.keys(data.objectives).filter((name) => figures.includes(name));
  fill(id("x"), figures, objectives[0] ?? figures[0]);
  fill(id("y"), figures, objectives[1] ?? figures.at(-1));
  const values = (axis) => data.words[axis].values.filter((each) => each !== null);
  const varying = axes.filter((axis) => values(axis).length > 1);
  fill(id("by"), ["front", ...varying], "front");
  const pair = data.pair.every((axis) => varying.includes(axis)) ? data.pair : [];
  fill(id("down"), varying, pair[0] ?? varying[0]);
  fill(id("along"), varying, pair[1] ?? varying[1] ?? varying[0]);
  fill(id("heat"), figures, objectives[0] ?? figures[0]);

  const ns = "http://www.w3.org/2000/svg";
  const draw = (kind, attributes, parent, content) => {
    const made = document.createElementNS(ns, kind);
    Object.entries(attributes).forEach(([name, each]) => made.setAttribute(name, each));
    if (content !== undefined) { made.textContent = content; }
    parent.append(made);
    return made;
  };
  const ticks = (low, high, log) => {
    if (log) {
      const found = [];
      for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
        [1, 2, 5].forEach((digit) => found.push(digit * 10 ** power));
      }
      return found.filter((each) => each >= low * 0.999 && each <= high * 1.001);
    }
    const step = 10 ** Math.floor(Math.log10((high - low) / 5 || 1));
    const wide = [1, 2, 5, 10].map((digit) => digit * step).find((each) => (high - low) / each <= 6) ?? step;
    const found = [];
    for (let each = Math.ceil(low / wide) * wide; each <= high * (1 + 1e-9); each += wide) { found.push(each); }
    return found;
  };
  const [left, top, bottom] = [8, 26, 352];
  let dots = [];
  const scatter = () => {
    const svg = id("scatter");
    svg.replaceChildren();
    const width = svg.getBoundingClientRect().width || 600;
    const right = width - 8;
    const [x, y, by] = [id("x").value, id("y").value, id("by").value];
    const log = id("log").checked;
    const fits = (i) => usable(x, i) && usable(y, i) && (!log || (data.columns[x][i] > 0 && data.columns[y][i] > 0));
    const there = [...Array(count).keys()].filter(fits);
    if (!there.length) { draw("text", { x: 8, y: 60 }, svg, "nothing known of both"); return; }
    const range = (name) => {
      const all = there.map((i) => scaled(name, data.columns[name][i]));
      let [low, high] = [Math.min(...all), Math.max(...all)];
      if (low === high) { [low, high] = [low * 0.9 - (low ? 0 : 1), high * 1.1 + (high ? 0 : 1)]; }
      const pad = log ? 0 : (high - low) * 0.03;
      return log ? [low / 1.05, high * 1.05] : [low - pad, high + pad];
    };
    const [lowX, highX] = range(x);
    const [lowY, highY] = range(y);
    const scale = (low, high, from, to) => (each) => from + (to - from) * (log
      ? Math.log(each / low) / Math.log(high / low) : (each - low) / (high - low));
    const [atX, atY] = [scale(lowX, highX, left, right), scale(lowY, highY, bottom, top)];
    const spread = (all, most, at, room) => { // as many as have room, from the first on
      const step = Math.ceil(all.length / most);
      let last = -Infinity;
      return all.filter((each, n) => {
        const fits = n % step === 0 && Math.abs(at(each) - last) >= room;
        if (fits) { last = at(each); }
        return fits;
      });
    };
    spread(ticks(lowX, highX, log), 12, atX, 52).forEach((each) => {
      draw("line", { x1: atX(each), x2: atX(each), y1: top, y2: bottom, class: "g" }, svg);
      const near = atX(each) > right - 20 ? "end" : atX(each) < 24 ? "start" : "middle";
      draw("text", { x: atX(each), y: bottom + 18, "text-anchor": near }, svg, digits(each));
    });
    spread(ticks(lowY, highY, log), 12, atY, 24).forEach((each) => {
      draw("line", { x1: 0, x2: width, y1: atY(each), y2: atY(each), class: "g" }, svg);
      if (atY(each) > top + 10) { draw("text", { x: 2, y: atY(each) - 4, class: "quiet" }, svg, digits(each)); }
    });
    draw("text", { x: width, y: 392, "text-anchor": "end", class: "quiet" }, svg, titled(x));
    draw("text", { x: 2, y: 14, class: "quiet" }, svg, titled(y));
    const colour = (i) => by === "front" ? (front.has(i) ? "c0" : "cx") : `c${data.words[by].at[i] % 8}`;
    dots = there.map((i) => [i, atX(scaled(x, data.columns[x][i])), atY(scaled(y, data.columns[y][i]))]);
    const group = draw("g", {}, svg);
    dots.filter(([i]) => !front.has(i)).forEach(([i, cx, cy]) => draw("circle", { cx: cx.toFixed(1), cy: cy.toFixed(1), r: 2.5, class: by === "front" ? "pale" : colour(i), opacity: by === "front" ? 0.5 : 0.6 }, group));
    dots.filter(([i]) => front.has(i)).forEach(([i, cx, cy]) => draw("circle", { cx: cx.toFixed(1), cy: cy.toFixed(1), r: 5, class: colour(i) }, group));
    if (by !== "front") {
      const names = data.words[by].values.map((each, n) => [each, n]).filter(([each]) => each !== null);
      names.slice(0, 16).forEach(([name, n], row) => {
        draw("rect", { x: right - 12, y: top + 2 + 18 * row, width: 11, height: 11, class: `c${n % 8}` }, svg);
        draw("text", { x: right - 18, y: top + 12 + 18 * row, "text-anchor": "end", class: "halo" }, svg, text(name));
      });
    }
  };
  const nearest = (event) => {
    const box = id("scatter").getBoundingClientRect();
    const [px, py] = [event.clientX - box.left, event.clientY - box.top];
    let best = null;
    let least = 400;
    dots.forEach(([i, cx, cy]) => {
      const far = (cx - px) ** 2 + (cy - py) ** 2 - (front.has(i) ? 9 : 0);
      if (far < least) { [best, least] = [i, far]; }
    });
    return best;
  };
  const figure = (name, i) => `${named(name)} ${shown(name, i)} ${data.labels[name].unit}`;
  const said = (i) => `${design(i)} · ${figure(id("x").value, i)}, ${figure(id("y").value, i)}`;
  id("scatter").addEventListener("pointermove", (event) => { const i = nearest(event); if (i !== null) { id("said").textContent = said(i); } });
  id("scatter").addEventListener("click", (event) => { const i = nearest(event); if (i !== null) { select(i); } });

  const heat = () => {
    const [down, along, figure, how] = [id("down").value, id("along").value, id("heat").value, id("how").value];
    const table = id("map");
    table.replaceChildren();
    if (!down) { return; }
    const cells = new Map();
    for (let i = 0; i < count; i += 1) {
      if (!usable(figure, i) || word("chosen", i) === "baseline") { continue; }
      const key = `${data.words[down].at[i]} ${data.words[along].at[i]}`;
      cells.set(key, [...(cells.get(key) ?? []), data.columns[figure][i]]);
    }
    const most = data.objectives[figure] === "maximize" ? Math.max : Math.min;
    const one = (all) => how === "best" ? most(...all) : all.reduce((a, b) => a + b, 0) / all.length;
    const known = new Map([...cells].map(([key, all]) => [key, one(all)]));
    const [low, high] = [Math.min(...known.values()), Math.max(...known.values())];
    const order = (axis) => data.words[axis].values.map((each, n) => [each, n]).filter(([each]) => each !== null)
      .sort(([a], [b]) => before(a, b));
    const head = table.createTHead().insertRow();
    head.append(Object.assign(document.createElement("th"), { textContent: `${named(down)} \\ ${named(along)}` }));
    order(along).forEach(([each]) => head.append(Object.assign(document.createElement("th"), { textContent: text(each), className: "n" })));
    id("mapsaid").textContent = `${titled(figure)}: ${how === "best" ? `the ${most === Math.min ? "least" : "most"}` : "the mean"} of all designs there${cells.size ? "" : "; none has it"}.`;
    const body = table.createTBody();
    order(down).forEach(([each, row]) => {
      const line = body.insertRow();
      line.append(Object.assign(document.createElement("th"), { textContent: text(each), scope: "row" }));
      order(along).forEach(([, column]) => {
        const cell = line.insertCell();
        const found = known.get(`${row} ${column}`);
        cell.className = "n";
        cell.textContent = found === undefined ? "" : digits(scaled(figure, found));
        if (found !== undefined && high > low) {
          const part = Math.round(8 + 62 * ((found - low) / (high - low)));
          cell.style.background = `color-mix(in srgb, var(--c1) ${part}%, transparent)`;
        }
      });
    });
  };
  const size = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, kHz: 1e3, MHz: 1e6, GHz: 1e9, kB: 1e3, MB: 1e6, GB: 1e9, mW: 1e-3, uW: 1e-6, ns: 1e-9, us: 1e-6, ms: 1e-3 };
  const measure = (each) => {
    if (typeof each === "number") { return each; }
    const [, digits, unit] = /^([-+.\deE]+)\s*([A-Za-z]*)/.exec(String(each)) ?? [];
    return digits !== undefined && !isNaN(digits) ? Number(digits) * (size[unit] ?? 1) : null;
  };
  const before = (a, b) => {
    const [x, y] = [measure(a), measure(b)];
    if (x !== null && y !== null) { return x - y; }
    return x !== null ? -1 : y !== null ? 1 : String(a).localeCompare(String(b));
  };

  const several = data.words.chip.values.length > 1;
  const order = [...(several ? ["chip"] : []), ...axes, ...figures, "status", "chosen"];
  let sorted = { column: objectives[0] ?? figures[0], sign: 1 };
  const heads = id("points").tHead.insertRow();
  order.forEach((name) => {
    const head = document.createElement("th");
    head.scope = "col";
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: titled(name), title: name });
    head.append(button);
    if (figures.includes(name)) { head.className = "n"; }
    button.addEventListener("click", () => {
      sorted = { column: name, sign: sorted.column === name ? -sorted.sign : 1 };
      list();
    });
    heads.append(head);
  });
  const most = 300;
  const list = () => {
    const wanted = id("find").value.toLowerCase().split(/[·;]|\s{2,}/).map((each) => each.trim()).filter(Boolean);
    const matches = (i) => {
      const line = `${data.keys[i]} ${word("chip", i)} ${place(i)} ${word("status", i)} ${word("chosen", i)}`.toLowerCase();
      return wanted.every((each) => line.includes(each));
    };
    const rows = [...Array(count).keys()].filter((i) => (!id("only").checked || front.has(i)) && matches(i));
    const known = (i) => value(sorted.column, i) !== null;
    rows.sort((a, b) => known(a) && known(b) ? sorted.sign * before(value(sorted.column, a), value(sorted.column, b)) : known(b) - known(a));
    [...heads.cells].forEach((head, n) => head.setAttribute("aria-sort",
      order[n] !== sorted.column ? "none" : sorted.sign > 0 ? "ascending" : "descending"));
    const body = id("points").tBodies[0];
    body.replaceChildren();
    rows.slice(0, most).forEach((i) => {
      const row = body.insertRow();
      order.forEach((name) => {
        const cell = row.insertCell();
        if (figures.includes(name)) { cell.className = "n"; }
        if (name === order[0]) {
          const link = Object.assign(document.createElement("a"), { href: `#${data.keys[i]}`, textContent: text(value(name, i)) });
          cell.append(link, front.has(i) ? " ●" : "", data.keys[i] in data.marks ? ` ${data.marks[data.keys[i]]}` : "");
        } else { cell.textContent = shown(name, i); }
      });
    });
    id("count").textContent = `${rows.length} of ${count}${rows.length > most ? `, the first ${most} shown` : ""}; ● is on the front, letters are those of the designs that stand out`;
  };

  const scalar = (each) => {
    if (typeof each !== "string") { return each === null ? "null" : String(each); }
    const plain = /^[A-Za-z0-9][\w .\/%+,;()-]*$/.test(each) && !/^(true|false|null)$/i.test(each) && isNaN(each);
    return plain && each === each.trim() ? each : JSON.stringify(each);
  };
  const dump = (each, indent) => Object.entries(each).map(([key, inner]) => {
    const pad = " ".repeat(indent);
    if (Array.isArray(inner)) { return `${pad}${key}: [${inner.map((item) => typeof item === "object" ? JSON.stringify(item) : scalar(item)).join(", ")}]\n`; }
    if (inner !== null && typeof inner === "object") {
      return Object.keys(inner).length ? `${pad}${key}:\n${dump(inner, indent + 2)}` : `${pad}${key}: {}\n`;
    }
    return `${pad}${key}: ${scalar(inner)}\n`;
  }).join("");
  const resolved = (i) => {
    const chip = structuredClone(data.chips[word("chip", i)] ?? {});
    const all = {};
    axes.forEach((axis) => { if (word(axis, i) !== null) { all[axis] = word(axis, i); } });
    Object.entries(data.set).forEach(([path, column]) => {
      const each = column.values[column.at[i]];
      if (each !== null) { all[path] = each; }
    });
    Object.entries(all).filter(([path]) => !path.startsWith("workload.")).forEach(([path, each]) => {
      const keys = path.split(".");
      const last = keys.pop();
      let level = chip;
      keys.forEach((key) => { level = level[key] = typeof level[key] === "object" && level[key] !== null ? level[key] : {}; });
      level[last] = each;
    });
    return `# ${data.keys[i]}: ${word("chip", i)}\n# ${place(i)}\n${dump({ set: all }, 0).replace(/^/gm, "# ").trimEnd()}\n${dump(chip, 0)}`;
  };
  const select = (i) => {
    const yaml = resolved(i);
    id("one").hidden = false;
    id("which").textContent = place(i) || "The chip as it is";
    id("yaml").textContent = yaml;
    id("file").href = `data:text/yaml;charset=utf-8,${encodeURIComponent(yaml)}`;
    id("one").scrollIntoView({ behavior: "smooth", block: "nearest" });
  };
  ["x", "y", "by", "log"].forEach((name) => id(name).addEventListener("change", scatter));
  ["down", "along", "heat", "how"].forEach((name) => id(name).addEventListener("change", heat));
  ["find", "only"].forEach((name) => id(name).addEventListener("input", list));
  scatter();
  heat();
  list();
  const asked = () => {
    const i = data.keys.indexOf(location.hash.slice(1));
    if (i >= 0) { select(i); }
  };
  addEventListener("hashchange", asked);
  let drawn = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== drawn) { drawn = innerWidth; scatter(); } });
  asked();
})();
