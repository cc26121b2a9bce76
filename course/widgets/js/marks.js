// What a figure is drawn with: colours by role, axes, and one function a mark.
// A mark is what course/widgets/marks.py made; arrays arrive as Float32Array with a `shape`.

const PALETTE = {
  light: {
    ink: "#1F2328", second: "#57606A", axis: "#98A1AB", rule: "#C9D1D9", grid: "#EEF1F4",
    tint: "#F6F8FA", ground: "#FFFFFF", fill: "#E3E7EB", edge: "#6E7781", halo: 0.09, ghost: 0.34,
    mark: { objective: "#888888", truth: "#0072B2", sample: "#D55E00", gradient: "#009E73",
      plain: "#56B4E9", first: "#CC79A7", wrong: "#D1341F", ink: "#1F2328", second: "#57606A" },
    text: { objective: "#6A6A6A", truth: "#0068A3", sample: "#B54F00", gradient: "#007A59",
      plain: "#1F78AD", first: "#A04A7C", wrong: "#B82A17", ink: "#1F2328", second: "#57606A" },
  },
  dark: {
    ink: "#E6E8EA", second: "#A9B0B7", axis: "#6D747B", rule: "#4A5056", grid: "#23272B",
    tint: "#1A1D20", ground: "#111111", fill: "#2A2E33", edge: "#8B9299", halo: 0.16, ghost: 0.42,
    mark: { objective: "#9A9FA4", truth: "#4AA8E0", sample: "#F08A3C", gradient: "#2CC295",
      plain: "#8CCDF2", first: "#DF93BF", wrong: "#FF6166", ink: "#E6E8EA", second: "#A9B0B7" },
    text: { objective: "#B4B9BE", truth: "#6CBCEC", sample: "#F5A05F", gradient: "#4FD3AB",
      plain: "#8CCDF2", first: "#E8A9CD", wrong: "#FF8A8C", ink: "#E6E8EA", second: "#A9B0B7" },
  },
};

// Jupyter says on <body> which theme is on; elsewhere the page is taken as light.
function palette() {
  const dark = document.body.dataset.jpThemeLight === "false";
  const colors = { ...PALETTE[dark ? "dark" : "light"] };
  const ground = getComputedStyle(document.body).getPropertyValue("--jp-layout-color0").trim();
  return ground ? { ...colors, ground } : colors;
}

const LINE = {
  jump: { color: (c) => c.mark.objective, width: 1.25, dash: [2, 3] },
  link: { color: (c) => c.mark.sample, width: 1.25, dash: [3, 3] },
  guide: { color: (c) => c.ink, width: 1, dash: [2, 3], alpha: 0.55 },
  level: { color: (c) => c.axis, width: 1.25, dash: [2, 4] },
  measure: { color: (c) => c.edge, width: 1 },
  ground: { color: (c) => c.edge, width: 2.5 },
  wall: { color: (c) => c.edge, width: 6 },
  aim: { color: (c) => c.ink, width: 3.5 },
};

const BODY = {
  solid: (c) => ({ fill: c.fill, edge: { color: c.edge, width: 2 } }),
  hand: (c) => ({ fill: c.fill, edge: { color: c.ink, width: 2 } }),
  sample: (c) => ({ fill: c.mark.sample, alpha: 0.2, edge: { color: c.mark.sample, width: 2.5 } }),
  cone: (c) => ({ fill: c.edge, alpha: 0.2 }),
  ghost: (c) => ({ edge: { color: c.edge, width: 1.25, dash: [4, 3] } }),
  before: (c) => ({ edge: { color: c.mark.sample, width: 1.5, alpha: 2 * c.ghost } }),
  link: (c) => ({ edge: { ...LINE.link, color: c.mark.sample } }),
};

const snap = (v) => Math.round(v) + 0.5;

function stroke(ctx, { color, width, dash = [], alpha = 1 }) {
  ctx.globalAlpha = alpha;
  ctx.strokeStyle = color;
  ctx.lineWidth = width;
  ctx.setLineDash(dash);
  ctx.stroke();
  ctx.globalAlpha = 1;
  ctx.setLineDash([]);
}

function disc(ctx, x, y, r) {
  ctx.beginPath();
  ctx.arc(x, y, r, 0, 2 * Math.PI);
}

// Where the clock stands in a mark's times: index before it, and the fraction to the next.
function instant(times, clock) {
  const last = times.length - 1;
  if (clock >= times[last]) return { index: last, part: 0 };
  if (clock <= times[0]) return { index: 0, part: 0 };
  let index = 0;
  while (times[index + 1] <= clock) index += 1;
  return { index, part: (clock - times[index]) / (times[index + 1] - times[index]) };
}

function between(values, offset, index, part) {
  const here = values[offset + index];
  return part ? here + part * (values[offset + index + 1] - here) : here;
}

// One polyline of `count` points from `offset`, broken at NaN, ending where the clock stands.
function tracePath(ctx, mark, panel, offset, count, clock) {
  const { index, part } = mark.t ? instant(mark.t, clock) : { index: count - 1, part: 0 };
  let pen = false;
  for (let i = 0; i <= index + (part ? 1 : 0); i += 1) {
    const whole = i <= index;
    const x = panel.x(whole ? mark.x[offset + i] : between(mark.x, offset, index, part));
    const y = panel.y(whole ? mark.y[offset + i] : between(mark.y, offset, index, part));
    if (!Number.isFinite(x) || !Number.isFinite(y)) pen = false;
    else if (pen) ctx.lineTo(x, y);
    else { ctx.moveTo(x, y); pen = true; }
  }
}

// The dots of a mark: how many, and value i where the clock stands; x is (m,) or moves as (k, m).
function swarm(mark, clock) {
  const moving = mark.t && mark.x.shape.length === 2;
  const count = moving ? mark.x.shape[1] : mark.x.length;
  const { index, part } = moving ? instant(mark.t, clock) : { index: 0, part: 0 };
  const at = (values, i) => {
    const here = values[index * count + i];
    return part ? here + part * (values[(index + 1) * count + i] - here) : here;
  };
  return { moving, count, at };
}

// How much of its fall dot i has behind it: 0 before it starts, 1 when it lies.
function fallen(mark, i, clock, falling) {
  if (!mark.t) return 1;
  if (!mark.fall) return mark.t[i] <= clock ? 1 : 0;
  return Math.min(1, Math.max(0, 1 - (mark.t[i] - falling) / mark.fall));
}

const COLUMN = 5.2; // px

// The place of each dot of a histogram: its column along the axis, and its level in it.
function pile(mark, panel) {
  const scale = panel[mark.axis];
  const [low, high] = mark.axis === "x" ? [panel.left, panel.right] : [panel.top, panel.bottom];
  const columns = Math.max(1, Math.floor((high - low) / COLUMN));
  const levels = new Array(columns).fill(0);
  const places = Array.from(mark.values, (value) => {
    const at = scale(value);
    const column = Math.min(columns - 1, Math.max(0, Math.floor((at - low) / COLUMN)));
    const beyond = at < low - 1 || at > high + 1;
    return { along: low + (column + 0.5) * COLUMN, level: levels[column]++, beyond };
  });
  const across = mark.axis === "x" ? panel.bottom - panel.top : panel.right - panel.left;
  const pitch = Math.min(COLUMN, (across - mark.lift - 4) / Math.max(1, ...levels));
  return { places, pitch };
}

const DRAW = {
  curve(ctx, mark, panel, c, clock) {
    const [rows, count] = mark.x.shape.length === 2 ? mark.x.shape : [1, mark.x.shape[0]];
    ctx.lineJoin = ctx.lineCap = "round";
    ctx.beginPath();
    for (let row = 0; row < rows; row += 1) {
      tracePath(ctx, mark, panel, row * count, count, clock);
    }
    const alpha = mark.ghost ? c.ghost : 1;
    stroke(ctx, { color: c.mark[mark.role], width: mark.width, dash: mark.dash, alpha });
    ctx.lineCap = "butt";
  },

  moving_curve(ctx, mark, panel, c, clock) {
    const count = mark.y.shape[1];
    const row = instant(mark.t, clock).index * count;
    const own = mark.x.shape.length === 2 ? row : 0;
    ctx.lineJoin = "round";
    ctx.beginPath();
    for (let i = 0; i < count; i += 1) ctx.lineTo(panel.x(mark.x[own + i]), panel.y(mark.y[row + i]));
    stroke(ctx, { color: c.mark[mark.role], width: mark.width });
  },

  band(ctx, mark, panel, c) {
    const count = mark.x.length;
    ctx.beginPath();
    for (let i = 0; i < count; i += 1) ctx.lineTo(panel.x(mark.x[i]), panel.y(mark.high[i]));
    for (let i = count - 1; i >= 0; i -= 1) ctx.lineTo(panel.x(mark.x[i]), panel.y(mark.low[i]));
    ctx.closePath();
    ctx.globalAlpha = mark.role === "tint" ? 1 : 0.18;
    ctx.fillStyle = mark.role === "tint" ? c.tint : c.mark[mark.role];
    ctx.fill();
    ctx.globalAlpha = 1;
  },

  points(ctx, mark, panel, c, clock, falling) {
    const { moving, count, at } = swarm(mark, clock);
    for (let i = 0; i < count; i += 1) {
      const part = moving ? 1 : fallen(mark, i, clock, falling);
      if (!part) break;
      const x = panel.x(at(mark.x, i));
      const y = panel.top + part ** 2 * (panel.y(at(mark.y, i)) - panel.top);
      if (Number.isFinite(x) && Number.isFinite(y)) DOT[mark.kind](ctx, x, y, c, mark.role);
    }
  },

  // Dots piled up in columns on the x axis, or in rows on the y axis.
  histogram(ctx, mark, panel, c, clock, falling) {
    const { places, pitch } = (mark.pile = pile(mark, panel));
    for (let i = 0; i < places.length; i += 1) {
      const part = fallen(mark, i, clock, falling);
      if (!part) break;
      const { along, level, beyond } = places[i];
      const height = mark.lift + (level + 0.5) * pitch;
      const [x, y] = mark.axis === "x"
        ? [along, panel.top + part ** 2 * (panel.bottom - height - panel.top)]
        : [panel.left + part * height, along];
      disc(ctx, x, y, 2.3);
      ctx.fillStyle = beyond ? c.ground : c.mark[mark.role];
      ctx.fill();
      if (beyond) stroke(ctx, { color: c.mark[mark.role], width: 1.5 });
    }
  },

  // Rings with a bar of the error to both sides.
  measured(ctx, mark, panel, c, clock) {
    const { count, at } = swarm(mark, clock);
    const [radius, width] = mark.kind === "mean" ? [5.5, 3] : [3.5, 2];
    for (let i = 0; i < count; i += 1) {
      const [x, y, error] = [mark.x, mark.y, mark.error].map((values) => at(values, i));
      if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
      const ends = [-error, error].map((e) => (mark.axis === "y" ? [panel.x(x), panel.y(y + e)] : [panel.x(x + e), panel.y(y)]));
      ctx.beginPath();
      if (error > 0) ends.forEach(([px, py]) => ctx.lineTo(px, py));
      stroke(ctx, { color: c.text[mark.role], width });
      disc(ctx, panel.x(x), panel.y(y), radius);
      ctx.fillStyle = c.ground;
      ctx.fill();
      stroke(ctx, { color: c.text[mark.role], width });
    }
  },

  arrow(ctx, mark, panel, c, clock) {
    const i = mark.t ? instant(mark.t, clock).index : 0;
    const [x, y] = [panel.x(mark.x[i]), panel.y(mark.y[i])];
    const dx = panel.x(mark.x[i] + mark.dx[i]) - x;
    const dy = panel.y(mark.y[i] + mark.dy[i]) - y;
    const scale = mark.length ? mark.length / (Math.hypot(dx, dy) || 1) : 1;
    const [tx, ty] = [x + dx * scale, y + dy * scale];
    if (dx || dy) arrow(ctx, x, y, tx, ty, c.mark[mark.role]);
    const side = Math.sign(dx);
    drawText(ctx, mark.text[i], tx + 8 * side, ty - (side ? 10 : 18), {
      size: 12, weight: 600, color: c.text[mark.role], align: ["right", "center", "left"][side + 1], halo: c.ground,
    });
  },

  image(ctx, mark, panel, c) {
    const [rows, columns] = mark.values.shape;
    const [x0, x1, y0, y1] = [mark.x[0], mark.x[1], mark.y[0], mark.y[1]];
    ctx.drawImage(raster(mark, rows, columns, c), panel.x(x0), panel.y(y1),
      panel.x(x1) - panel.x(x0), panel.y(y0) - panel.y(y1));
  },

  text(ctx, mark, panel, c, clock) {
    const { index, part } = mark.t ? instant(mark.t, clock) : { index: 0, part: 0 };
    const [x, y] = [mark.x, mark.y].map((v) => between(v, 0, index, part));
    if (!Number.isFinite(x) || !Number.isFinite(y)) return;
    drawText(ctx, mark.text[index], panel.x(x) + mark.dx, panel.y(y) + mark.dy, {
      size: mark.size, weight: mark.bold ? 600 : 400, color: c.text[mark.role],
      align: mark.align, halo: mark.halo ? c.ground : undefined,
    });
  },

  line(ctx, mark, panel, c) {
    const style = LINE[mark.kind];
    ctx.beginPath();
    mark.x.forEach((x, i) => ctx.lineTo(panel.x(x), panel.y(mark.y[i])));
    if (mark.kind === "measure") measureCaps(ctx, mark, panel);
    stroke(ctx, { ...style, color: fading(ctx, mark, panel, style.color(c)) });
  },

  // A polygon given about its own centre, at (x, y) and turned by `angle`.
  body(ctx, mark, panel, c, clock) {
    const { index, part } = mark.t ? instant(mark.t, clock) : { index: 0, part: 0 };
    const [px, py, turn] = [mark.x, mark.y, mark.angle].map((v) => between(v, 0, index, part));
    const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
    if (![px, py, turn].every(Number.isFinite)) return;
    const { fill, alpha, edge } = BODY[mark.look](c);
    ctx.lineJoin = "round";
    ctx.beginPath();
    for (let i = 0; i < mark.shape_x.length; i += 1) {
      const [u, v] = [mark.shape_x[i], mark.shape_y[i]];
      ctx.lineTo(panel.x(px + cos * u - sin * v), panel.y(py + sin * u + cos * v));
    }
    ctx.closePath();
    if (fill) {
      ctx.globalAlpha = alpha ?? 1;
      ctx.fillStyle = fading(ctx, { y: mark.shape_y, fade: mark.fade }, panel, fill);
      ctx.fill();
      ctx.globalAlpha = 1;
    }
    if (mark.edge && edge) stroke(ctx, edge);
  },

  // The angle between level and a handle, as an arc with its symbol.
  angle(ctx, mark, panel, c) {
    const [x, y] = [panel.x(mark.x), panel.y(mark.y)];
    ctx.beginPath();
    ctx.arc(x, y, 30, -mark.angle, 0);
    stroke(ctx, { color: c.second, width: 1 });
    const half = mark.angle / 2;
    drawText(ctx, mark.text, x + 44 * Math.cos(half), y - 44 * Math.sin(half) + 5, {
      size: 16, color: c.ink, align: "center", halo: c.ground,
    });
  },

  value(ctx, mark, panel, c) {
    const style = { size: 13, weight: 600, color: c.text[mark.role], halo: c.ground };
    if (mark.axis === "y") {
      drawText(ctx, mark.text, panel.left - 8, panel.y(mark.at) + 4.5, { ...style, align: "right" });
      return;
    }
    const x = panel.x(mark.at);
    ctx.beginPath();
    ctx.moveTo(x, panel.bottom + 1);
    ctx.lineTo(x - 5, panel.bottom + 9);
    ctx.lineTo(x + 5, panel.bottom + 9);
    ctx.fillStyle = c.mark[mark.role];
    ctx.fill();
    drawText(ctx, mark.text, x, panel.bottom + 22, { ...style, align: "center" });
  },
};

const DOT = {
  current(ctx, x, y, c, role) {
    disc(ctx, x, y, 10);
    ctx.fillStyle = c.ground;
    ctx.fill();
    disc(ctx, x, y, 8);
    ctx.fillStyle = c.mark[role];
    ctx.fill();
  },
  try(ctx, x, y, c, role) {
    disc(ctx, x, y, 4.5);
    ctx.fillStyle = c.ground;
    ctx.fill();
    stroke(ctx, { color: c.mark[role], width: 1.5 });
  },
  sample(ctx, x, y, c, role) {
    disc(ctx, x, y, 2.6);
    ctx.fillStyle = c.mark[role];
    ctx.fill();
  },
  // Shapes for outcomes, so that colour is never alone.
  square(ctx, x, y, c, role) {
    ctx.fillStyle = c.mark[role];
    ctx.fillRect(x - 3.5, y - 3.5, 7, 7);
  },
  cross(ctx, x, y, c, role) {
    ctx.beginPath();
    for (const s of [-1, 1]) { ctx.moveTo(x - 3.5, y - 3.5 * s); ctx.lineTo(x + 3.5, y + 3.5 * s); }
    stroke(ctx, { color: c.mark[role], width: 2 });
  },
  ball(ctx, x, y, c, role) { disc(ctx, x, y, 4); ctx.fillStyle = c.mark[role]; ctx.fill(); },
};

function arrow(ctx, x0, y0, x1, y1, color, width = 3, head = 11) {
  const turn = Math.atan2(y1 - y0, x1 - x0);
  const [bx, by] = [x1 - head * 0.8 * Math.cos(turn), y1 - head * 0.8 * Math.sin(turn)];
  ctx.beginPath();
  ctx.moveTo(x0, y0);
  ctx.lineTo(bx, by);
  stroke(ctx, { color, width });
  ctx.beginPath();
  ctx.moveTo(x1, y1);
  for (const side of [-1, 1]) {
    ctx.lineTo(x1 - head * Math.cos(turn + side * 0.42), y1 - head * Math.sin(turn + side * 0.42));
  }
  ctx.closePath();
  ctx.fillStyle = color;
  ctx.fill();
}

function measureCaps(ctx, mark, panel) {
  mark.x.forEach((x, i) => {
    ctx.moveTo(panel.x(x) - 5, panel.y(mark.y[i]));
    ctx.lineTo(panel.x(x) + 5, panel.y(mark.y[i]));
  });
}

// Solids that leave the view fade out over `fade` units above the lower edge of the panel.
function fading(ctx, mark, panel, color) {
  if (!mark.fade) return color;
  const [low] = panel.spec.y.range;
  const gradient = ctx.createLinearGradient(0, panel.y(low + mark.fade), 0, panel.y(low));
  gradient.addColorStop(0, color);
  gradient.addColorStop(1, color + "00");
  return gradient;
}

// Values 0 to 254 as an image from pale to strong grey, 255 clear; kept on the mark while the
// theme lasts.
function raster(mark, rows, columns, c) {
  if (mark.raster?.ground === c.ground) return mark.raster.canvas;
  const canvas = Object.assign(document.createElement("canvas"), { width: columns, height: rows });
  const image = new ImageData(columns, rows);
  const [low, high] = [c.grid, c.mark.objective].map(rgb);
  for (let i = 0; i < rows * columns; i += 1) {
    const row = rows - 1 - Math.floor(i / columns);
    const value = mark.values[row * columns + (i % columns)];
    for (let k = 0; k < 3; k += 1) image.data[4 * i + k] = low[k] + (value / 254) * (high[k] - low[k]);
    image.data[4 * i + 3] = value === 255 ? 0 : 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  mark.raster = { canvas, ground: c.ground };
  return canvas;
}

const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

// A ring to drag. state: rest, hover, drag or focus.
function drawHandle(ctx, x, y, c, { state = "rest", radius = 9, core = true, arrows = [] }) {
  const halo = state === "hover" ? 20 : state === "drag" ? 20 : radius + 7;
  ctx.globalAlpha = state === "hover" ? 0.13 : state === "drag" ? 0.2 : c.halo;
  disc(ctx, x, y, halo);
  ctx.fillStyle = c.ink;
  ctx.fill();
  ctx.globalAlpha = 1;
  if (state === "focus") { disc(ctx, x, y, 20); stroke(ctx, { color: c.focus, width: 2.5 }); }
  disc(ctx, x, y, radius);
  ctx.fillStyle = state === "drag" ? c.ink : c.ground;
  ctx.fill();
  stroke(ctx, { color: c.ink, width: 2.5 });
  if (core) { disc(ctx, x, y, 4.2); ctx.fillStyle = c.mark.sample; ctx.fill(); }
  for (const [dx, dy] of arrows) {
    arrow(ctx, x + 18 * dx, y + 18 * dy, x + 36 * dx, y + 36 * dy, c.ink, 1.8, 8);
  }
}

function drawAxes(ctx, panel, c) {
  const { spec, left, right, top, bottom } = panel;
  const hidden = (axis, at, scale) => panel.marks.some(
    (m) => m.mark === "value" && m.axis === axis && Math.abs(scale(m.at) - at) < (axis === "y" ? 14 : 26));
  const covered = panel.marks.some((m) => m.mark === "image");
  for (const tick of spec.scene ? [] : panel.ticks.y) {
    const y = snap(panel.y(tick.value));
    ctx.beginPath();
    ctx.moveTo(left, y);
    ctx.lineTo(right, y);
    if (y < bottom - 1 && !covered) stroke(ctx, { color: c.grid, width: 1 });
    if (!hidden("y", y, panel.y)) {
      drawText(ctx, tick.text, left - 8, y + 4, { color: c.second, align: "right" });
    }
  }
  ctx.beginPath();
  ctx.moveTo(left, snap(bottom));
  ctx.lineTo(right, snap(bottom));
  for (const tick of panel.ticks.x) {
    ctx.moveTo(snap(panel.x(tick.value)), bottom);
    ctx.lineTo(snap(panel.x(tick.value)), bottom + (tick.text ? 7 : 4));
  }
  stroke(ctx, { color: c.axis, width: 1 });
  for (const tick of panel.ticks.x) {
    const x = panel.x(tick.value);
    if (tick.text && !hidden("x", x, panel.x)) {
      drawText(ctx, tick.text, x, bottom + 22, { color: c.second, align: "center" });
    }
  }
  if (spec.x.unit) {
    drawText(ctx, spec.x.unit, right, bottom + 22, { color: c.second, align: "right", halo: c.ground });
  }
}
