// One interactive figure: layout, controls, handles, the clock, and the talk with Python.
//
// Python sends `spec` once (panels, controls) and `picture` for every answer: a length, a JSON
// header and the arrays it names. The browser sends `asked`: control values and a number `seq`.
// At most one question is under way; what changes meanwhile is asked when its answer arrives,
// so the newest value always wins. A question without an answer for PATIENCE counts as lost, as it
// is when the kernel was restarted, and the next may be asked. Tests wait on the root's data-ready,
// data-rev (draws so far), data-asked and data-seq (last question, last answer).

const GAP = 72;
const NARROW = 760;
const WIDEST = 852;
const THUMB = 20;
const PATIENCE = 5000; // ms
const AGAIN = 250; // ms until the rest of an unfinished picture is asked for
const LOG_STEPS = 100; // of a slider whose scale is logarithmic
const TITLE = 34;
const TICKS = 34;
const UNDER = 48;
const STACK = 14;
const BLEED = 14;

function unpack(view) {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice();
  const size = new DataView(bytes.buffer).getUint32(0, true);
  const start = 4 + size;
  const array = ({ at, shape, bytewise }) => {
    const length = shape.reduce((a, b) => a * b, 1);
    const Kind = bytewise ? Uint8Array : Float32Array;
    return Object.assign(new Kind(bytes.buffer, start + at, length), { shape });
  };
  const revive = (key, value) => (value && value.at !== undefined && value.shape ? array(value) : value);
  return JSON.parse(new TextDecoder().decode(bytes.subarray(4, start)), revive);
}

function make(tag, className, parent) {
  const node = document.createElement(tag);
  node.className = className;
  parent?.append(node);
  return node;
}

// Figures, thin spaces and the true minus sign, as the axes print them.
const tickText = (format, value) => (format === "power"
  ? powerText(Math.round(Math.log10(value)))
  : d3.format(format)(value).replace("-", "\u2212"));
const powerText = (exponent) => (exponent === 0 ? "1" : `10^{${exponent}}`);

class FigureView {
  constructor(model, el) {
    this.model = model;
    this.el = el;
    this.spec = model.get("spec");
    this.clock = { value: this.spec.clock?.start ?? 0, playing: false };
    this.hovered = null;
    this.dragging = null;
    this.dragged = false;
    this.seq = 0;
    this.waiting = false;
    this.stale = false;
    this.controls = {};
    this.build();
    this.accept(unpack(model.get("picture")), true);
    this.onPicture = () => this.accept(unpack(model.get("picture")));
    model.on("change:picture", this.onPicture);
    this.watch();
    this.arrange();
    el.figure = this; // for the console, and for tests
    el.dataset.ready = "1";
  }

  // --- building -------------------------------------------------------------------------

  build() {
    const { el, spec } = this;
    el.classList.add("sc-figure");
    el.dataset.rev = el.dataset.seq = el.dataset.asked = "0";
    const title = make("div", "sc-question", el);
    title.setAttribute("role", "heading");
    title.setAttribute("aria-level", "3");
    setRichText(title, spec.question);
    setRichText(make("div", "sc-rules", el), spec.rules);
    this.stage = make("div", "sc-stage", el);
    this.canvas = make("canvas", "sc-canvas", this.stage);
    this.canvas.setAttribute("role", "img");
    this.panels = spec.columns.flatMap((column) => column.panels).map((panel) => this.buildPanel(panel));
    this.row = make("div", "sc-row", el);
    this.buttons = make("div", "sc-buttons", this.row);
    this.button("reset", "Reset", () => this.reset());
    if (spec.clock && !spec.clock.replay) this.buildTransport();
    spec.controls.forEach((control) => this.buildControl(control));
    this.readout = make("div", "sc-readout", el);
    this.readout.setAttribute("aria-live", "polite");
    this.notice = make("div", "sc-notice", el);
    this.notice.setAttribute("role", "alert");
  }

  buildPanel(spec) {
    const title = make("div", "sc-title", this.stage);
    const parts = [make("b", "", title), make("span", "", title)];
    const panel = { own: spec, title, parts, marks: [] };
    this.fitPanel(panel, spec);
    return panel;
  }

  fitPanel(panel, spec) {
    const scale = (axis) => (axis.log ? d3.scaleLog() : d3.scaleLinear()).domain(axis.range);
    Object.assign(panel, { spec: { ...panel.own, ...spec }, x: scale(spec.x), y: scale(spec.y) });
    setRichText(panel.parts[0], spec.title);
    setRichText(panel.parts[1], spec.unit);
  }

  button(name, text, act) {
    const node = make("button", "sc-button", this.buttons);
    node.type = "button";
    node.dataset.control = name;
    node.dataset.lmSuppressShortcuts = "true";
    node.textContent = text;
    node.addEventListener("click", act);
    return node;
  }

  buildControl(control) {
    const { name } = control;
    if (control.kind === "choice") { this.buildChoice(control); return; }
    if (control.kind === "newnoise") {
      this.button(name, control.text, () => {
        this.values[name] += 1;
        this.ask(true);
        this.replay();
      });
      this.controls[name] = { spec: control, show: () => {} };
      return;
    }
    if (control.kind === "toggle") {
      const node = this.button(name, "", () => {
        this.values[name] = !this.values[name];
        this.ask(true);
      });
      this.controls[name] = {
        spec: control,
        show: (value) => {
          node.textContent = value ? control.hide : control.show;
          node.setAttribute("aria-pressed", String(value));
        },
      };
      return;
    }
    const slider = this.slider(control);
    const fromInput = (v) => {
      const { low, high, log } = this.controls[name].spec;
      return log ? low * (high / low) ** (v / LOG_STEPS) : v;
    };
    slider.input.addEventListener("input", () => this.set(name, fromInput(+slider.input.value)));
    slider.input.addEventListener("change", () => this.releaseSoon());
    this.controls[name] = { own: control, slider, show: (value) => this.showSlider(this.controls[name], value) };
    this.fitSlider(this.controls[name], control);
  }

  fitSlider(control, spec) {
    const { low, high, step, log, start, unit, label } = spec;
    const { input, output } = control.slider;
    control.spec = { ...control.own, ...spec };
    Object.assign(control.slider, { low, high });
    const [min, max, by] = log ? [0, LOG_STEPS, 1] : [low, high, step];
    Object.assign(input, { min, max, step: by });
    input.setAttribute("aria-label", label);
    if (!output) return;
    const widest = Math.max(...[low, high, start].map((value) => tickText(spec.format, value).length));
    output.style.minWidth = `${widest + unit.length + 1}ch`;
  }

  showSlider({ spec: { low, high, log, format, unit }, slider }, value) {
    const number = tickText(format, value);
    slider.input.value = log ? (LOG_STEPS * Math.log(value / low)) / Math.log(high / low) : value;
    slider.input.setAttribute("aria-valuetext", `${number} ${unit}`.trim());
    if (slider.output) setRichText(slider.output, `**${number}** ${unit}`);
  }

  // A native list. What the choice changes in the figure waits for the picture that shows it.
  buildChoice(control) {
    const { name, label, views, start } = control;
    const wrap = make("label", "sc-free", this.row);
    make("span", "", wrap).textContent = label;
    const select = make("select", "sc-choice", wrap);
    select.dataset.control = name;
    select.dataset.lmSuppressShortcuts = "true";
    for (const option of Object.keys(views)) make("option", "", select).textContent = option;
    select.addEventListener("change", () => {
      this.values[name] = select.value;
      this.clock.value = 0;
      this.setPlaying(false);
      this.ask(true);
    });
    this.controls[name] = { spec: control, shown: start, show: (value) => { select.value = value; } };
  }

  showViews(values) {
    const choices = Object.entries(this.controls).filter(([, { spec }]) => spec.kind === "choice");
    const changed = choices.filter(([name, choice]) => choice.shown !== values[name]);
    if (!changed.length) return;
    for (const [name, choice] of changed) choice.shown = values[name];
    const views = choices.map(([, { spec, shown }]) => spec.views[shown]);
    const found = (list, own) => views.flatMap((view) => view[list]).find((spec) => spec.name === own.name) ?? own;
    for (const panel of this.panels) this.fitPanel(panel, found("panels", panel.own));
    for (const control of Object.values(this.controls)) {
      if (!control.slider) continue;
      this.fitSlider(control, found("sliders", control.own));
      control.show(values[control.spec.name]); // the old range may have held the thumb back
    }
    this.arrange();
  }

  // A native range input: under the axis of a panel, or in the row of controls.
  slider({ name, symbol, under }) {
    const place = under ? this.stage : this.row;
    const wrap = make("div", under ? "sc-under" : "sc-free", place);
    if (symbol) setRichText(make("span", "sc-symbol", wrap), symbol);
    const input = make("input", "sc-slider", wrap);
    input.type = "range";
    input.dataset.control = name;
    input.dataset.lmSuppressShortcuts = "true";
    input.addEventListener("keydown", (event) => this.bigStep(event, input));
    for (const type of ["focus", "blur"]) input.addEventListener(type, () => this.later());
    return { input, wrap, under, output: under ? null : make("output", "sc-value", wrap) };
  }

  bigStep(event, input) {
    const way = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    if (!way || !event.shiftKey) return;
    event.preventDefault();
    input.value = +input.value + way * 10 * +input.step;
    input.dispatchEvent(new Event("input"));
    input.dispatchEvent(new Event("change"));
  }

  buildTransport() {
    const { clock } = this.spec;
    this.transport = { ...this.slider({ ...clock, name: "clock" }), low: 0, high: clock.end };
    Object.assign(this.transport.input, { min: 0, max: clock.end, step: clock.step });
    this.transport.input.setAttribute("aria-label", clock.label);
    this.play = make("button", "sc-play");
    this.transport.wrap.prepend(this.play);
    this.play.type = "button";
    this.play.dataset.control = "play";
    this.play.dataset.lmSuppressShortcuts = "true";
    this.play.addEventListener("click", () => this.setPlaying(!this.clock.playing));
    this.transport.input.addEventListener("input", () => {
      this.setPlaying(false);
      this.clock.value = +this.transport.input.value;
      this.later();
    });
    this.transport.input.addEventListener("keydown", (event) => {
      if (event.key === " ") { event.preventDefault(); this.setPlaying(!this.clock.playing); }
    });
    if (clock.stepper) this.button("step", "Step", () => this.stepOnce());
    this.phases = clock.phases.map(([at, name]) => {
      const node = make("span", "sc-phase", this.transport.wrap);
      node.textContent = name;
      return { at, node };
    });
    if (clock.unit) this.time = make("output", "sc-time", this.transport.wrap);
  }

  // --- layout ---------------------------------------------------------------------------

  arrange() {
    const width = Math.min(WIDEST, this.stage.clientWidth);
    if (!width) return;
    this.width = width;
    const narrow = width < NARROW;
    const columns = narrow
      ? [{ share: 1, panels: this.panels }]
      : this.spec.columns.map(({ share, panels }) => ({
        share, panels: panels.map(({ name }) => this.panels.find((panel) => panel.own.name === name)),
      }));
    const shares = columns.reduce((sum, column) => sum + column.share, 0);
    const room = width - GAP * (columns.length - 1);
    let left = 0;
    for (const column of columns) {
      column.width = (room * column.share) / shares;
      for (const panel of column.panels) this.widthOf(panel, left, column.width);
      left += column.width + GAP;
    }
    this.heightsOf(columns, narrow);
    this.place(columns);
    this.resizeCanvas();
    this.draw();
  }

  widthOf(panel, left, width) {
    const { spec } = panel;
    panel.columnLeft = left;
    panel.left = left + (spec.scene ? 0 : spec.margin);
    panel.right = left + width - spec.right;
    panel.x.range([panel.left, panel.right]);
    const [x0, x1] = spec.x.range;
    const [y0, y1] = spec.y.range;
    panel.height = spec.scene ? ((panel.right - panel.left) * (y1 - y0)) / (x1 - x0) : spec.height;
  }

  // Panels without a height share what the tallest column leaves them.
  heightsOf(columns, narrow) {
    const extra = (panel, last) => TITLE + TICKS + (last ? 0 : STACK + (panel.spec.under ? UNDER : 0));
    const fixed = (column) => column.panels.reduce(
      (sum, panel, i) => sum + (panel.height ?? 0) + extra(panel, i === column.panels.length - 1), 0);
    const tallest = Math.max(...columns.map(fixed));
    for (const column of columns) {
      const open = column.panels.filter((panel) => panel.height === null);
      const share = (tallest - fixed(column)) / open.length;
      open.forEach((panel) => { panel.height = narrow ? 220 : Math.max(120, share); });
    }
  }

  place(columns) {
    let foot = 0;
    for (const column of columns) {
      let top = 0;
      for (const panel of column.panels) {
        panel.top = top + TITLE;
        panel.bottom = panel.top + panel.height;
        panel.y.range([panel.bottom, panel.top]);
        panel.ticks = { x: this.ticks(panel, "x"), y: this.ticks(panel, "y") };
        panel.title.style.left = `${panel.columnLeft}px`;
        panel.title.style.top = `${top}px`;
        top = panel.bottom + TICKS + (panel.spec.under ? UNDER : 0);
        foot = Math.max(foot, top);
        top += STACK;
      }
    }
    this.stage.style.height = `${foot}px`;
    this.placeRow(columns);
    const sliders = Object.values(this.controls).map(({ slider }) => slider).filter(Boolean);
    for (const slider of [...sliders, this.transport].filter((s) => s?.under)) this.placeUnder(slider);
  }

  // Buttons stand beside a slider under another column, if the first column leaves that place.
  placeRow([first, ...others]) {
    const free = (column) => !column.panels.at(-1).spec.under;
    const beside = free(first) && others.some((column) => !free(column));
    this.row.style.marginTop = beside ? `${-UNDER + 8}px` : "";
    this.row.style.width = beside ? `${first.width}px` : "";
  }

  placeUnder({ input, wrap, under, low, high }) {
    const panel = this.panels.find(({ spec }) => spec.name === under);
    const ends = [panel.x(low), panel.x(high)];
    const alone = panel.spec.scene && input.dataset.control === "clock"; // that axis is not time
    const whole = ends.every(Number.isFinite) ? ends : panel.x.range(); // steps under a log axis
    const [left, right] = alone ? [panel.left + 52, panel.right - 56] : whole;
    for (const { at, node } of input.dataset.control === "clock" ? this.phases : []) {
      node.style.left = `${THUMB / 2 + (right - left) * (at - low) / (high - low)}px`;
    }
    wrap.style.left = `${left - THUMB / 2}px`;
    wrap.style.top = `${panel.bottom + 58}px`;
    input.style.width = `${right - left + THUMB}px`;
  }

  ticks(panel, axis) {
    const { spec } = panel;
    const { ticks, minor, format, unit } = spec[axis];
    const values = Array.isArray(ticks) ? ticks : panel[axis].ticks(ticks);
    const labelled = values.map((value) => ({ value, text: tickText(format, value) }));
    if (axis === "x" && unit) {
      const clear = panel.right - 9 * plainText(unit).length - 12;
      for (const tick of labelled) if (panel.x(tick.value) > clear) tick.text = "";
    }
    const between = minor ? d3.scaleLinear().domain(spec[axis].range).ticks(minor) : [];
    return [...labelled, ...between.filter((v) => !values.includes(v)).map((value) => ({ value, text: "" }))];
  }

  resizeCanvas() {
    const ratio = window.devicePixelRatio || 1;
    this.ratio = ratio;
    const height = parseFloat(this.stage.style.height);
    const width = this.width + BLEED; // room for a dot at the right edge
    Object.assign(this.canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    Object.assign(this.canvas.style, { width: `${width}px`, height: `${height}px` });
  }

  // --- talking with Python --------------------------------------------------------------

  set(name, value) {
    const { low, high, step, log } = this.controls[name].spec;
    const stepped = log ? value : low + Math.round((value - low) / step) * step;
    this.values[name] = +Math.min(high, Math.max(low, stepped)).toPrecision(10);
    this.ask(false);
  }

  ask(released) {
    clearTimeout(this.release);
    if (this.spec.clock?.replay && this.clock.playing) this.setPlaying(false);
    this.released = this.released || released;
    for (const [name, control] of Object.entries(this.controls)) control.show(this.values[name]);
    this.readout.setAttribute("aria-busy", String(!released));
    if (this.waiting) { this.stale = true; return; }
    this.send();
  }

  send() {
    this.seq += 1;
    this.waiting = true;
    this.stale = false;
    this.el.dataset.asked = String(this.seq);
    const { seq, values, released = false, forget = false } = this;
    this.model.set("asked", { seq, values: { ...values }, released, forget });
    this.released = this.forget = false;
    this.model.save_changes();
    clearTimeout(this.patience);
    this.patience = setTimeout(() => this.giveUp(), PATIENCE);
  }

  giveUp() {
    this.waiting = false;
    this.say("Python has not answered. If a cell is running, wait for it; otherwise run this cell again.");
  }

  // A key press is a try only when the hand rests.
  releaseSoon() {
    clearTimeout(this.release);
    this.release = setTimeout(() => { this.ask(true); this.replay(); }, 600);
  }

  reset() {
    this.values = { ...this.spec.start };
    this.setPlaying(false);
    this.clock.value = this.spec.clock?.start ?? 0;
    this.dragged = false;
    this.forget = true;
    this.ask(true);
  }

  accept(picture, first = false) {
    const mine = picture.seq === this.seq || first || !this.waiting;
    if (first) this.seq = picture.seq;
    if (mine) this.settle(picture);
    this.showViews(picture.values);
    this.say(picture.error ?? "");
    if (!picture.error) this.picture = picture;
    for (const panel of this.panels) panel.marks = this.picture?.panels[panel.spec.name] ?? [];
    this.el.classList.toggle("sc-broken", !!picture.error);
    if (this.stale && !this.waiting) this.send();
    clearTimeout(this.again);
    if (picture.unfinished) this.again = setTimeout(() => { if (!this.waiting) this.send(); }, AGAIN);
    this.later();
  }

  settle(picture) {
    this.waiting = false;
    clearTimeout(this.patience);
    this.seq = Math.max(this.seq, picture.seq); // another view of this figure may have asked
    this.el.dataset.asked = String(this.seq);
    this.el.dataset.seq = String(picture.seq);
    if (this.stale || this.dragging) return;
    this.values = { ...picture.values };
    for (const [name, control] of Object.entries(this.controls)) control.show(this.values[name]);
  }

  say(text) {
    this.notice.textContent = text;
  }

  // --- the clock ------------------------------------------------------------------------

  setPlaying(playing) {
    const { clock, spec } = this;
    if (!spec.clock) return;
    if (playing && clock.value >= spec.clock.end) clock.value = 0;
    if (playing && this.still) { clock.value = spec.clock.end; playing = false; }
    clock.playing = playing;
    clock.before = null;
    this.later();
  }

  stepOnce() {
    this.setPlaying(false);
    const { end, step } = this.spec.clock;
    this.clock.value = Math.min(end, Math.floor(this.clock.value / step + 1e-6) * step + step);
    this.later();
  }

  // After a throw the ball flies again, once, in the time of the spec.
  replay() {
    if (!this.spec.clock?.replay) return;
    this.clock.value = this.still ? this.spec.clock.end : 0;
    this.setPlaying(!this.still);
  }

  advance(now) {
    const { clock, spec } = this;
    if (!clock.playing) return;
    if (this.hidden) { clock.before = null; return; }
    const passed = clock.before === null ? 0 : now - clock.before;
    clock.before = now;
    clock.value = Math.min(spec.clock.end, clock.value + (passed / 1000) * (spec.clock.end / spec.clock.seconds));
    if (clock.value >= spec.clock.end) clock.playing = false;
    this.later();
  }

  // --- drawing --------------------------------------------------------------------------

  later() {
    this.frame ||= requestAnimationFrame((now) => {
      this.frame = 0;
      this.advance(now);
      this.draw();
    });
  }

  draw() {
    if (!this.width || !this.picture) return;
    const c = { ...palette(), focus: this.focusColor() };
    this.paint(c);
    const ctx = this.canvas.getContext("2d");
    ctx.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    ctx.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.handles = [];
    for (const panel of this.panels) this.drawPanel(ctx, panel, c);
    for (const handle of this.handles) drawHandle(ctx, handle.px, handle.py, c, this.handleLook(handle));
    this.showReadout();
    this.showTransport();
    this.canvas.setAttribute("aria-label", this.describe());
    this.el.dataset.rev = String(+this.el.dataset.rev + 1);
  }

  drawPanel(ctx, panel, c) {
    const under = panel.marks.filter(({ mark, role }) => mark === "image" || (mark === "band" && role === "tint"));
    const over = panel.marks.filter((mark) => !under.includes(mark));
    const [clock, falling] = [this.clockValue(), this.fallingTime()];
    const paint = (mark) => (mark.mark === "handle" ? this.placeHandle(mark, panel) : DRAW[mark.mark](ctx, mark, panel, c, clock, falling));
    const clip = (marks, pad) => {
      ctx.save();
      ctx.beginPath();
      ctx.rect(panel.left - pad, panel.top - pad, panel.right - panel.left + 2 * pad, panel.bottom - panel.top + 2 * pad);
      ctx.clip();
      marks.forEach(paint);
      ctx.restore();
    };
    const only = (...kinds) => over.filter((mark) => kinds.includes(mark.mark));
    clip(under, 0);
    drawAxes(ctx, panel, c);
    clip(only("curve", "moving_curve", "band", "line", "body"), 2);
    only("text").forEach(paint);
    clip(only("points", "histogram"), 11);
    clip(only("measured"), 11);
    only("value", "handle", "arrow", "angle").forEach(paint);
  }

  // A replay shows the whole path unless it is running; a scrubbed clock shows whole steps.
  clockValue() {
    const { clock } = this.spec;
    if (!clock) return Infinity;
    if (clock.replay) return this.clock.playing ? this.clock.value : clock.end;
    return Math.floor(this.clock.value / clock.step + 1e-6) * clock.step;
  }

  // What falls keeps falling between the steps of a clock that shows whole ones.
  fallingTime() {
    const { clock } = this.spec;
    return clock && !clock.replay ? this.clock.value : this.clockValue();
  }

  placeHandle(mark, panel) {
    for (const name of Object.values(mark.moves)) {
      this.controls[name].slider.input.classList.toggle("sc-core", mark.core);
    }
    this.handles.push({ ...mark, panel, px: panel.x(mark.x), py: panel.y(mark.y) });
  }

  handleLook(handle) {
    const names = Object.values(handle.moves);
    const focused = names.some((name) => {
      const input = this.controls[name]?.slider?.input;
      return input && input.matches(":focus-visible");
    });
    const same = (other) => other && Object.values(other.moves).join() === names.join();
    const state = same(this.dragging) ? "drag" : same(this.hovered) ? "hover" : focused ? "focus" : "rest";
    return { state, core: handle.core, arrows: this.dragged || this.dragging ? [] : handle.arrows };
  }

  focusColor() {
    return getComputedStyle(this.el).getPropertyValue("--jp-brand-color1").trim() || "#0072B2";
  }

  // The palette reaches the native controls as CSS variables.
  paint(c) {
    if (this.painted === c.ground + c.ink) return;
    this.painted = c.ground + c.ink;
    for (const name of ["ink", "second", "axis", "rule", "grid", "ground"]) {
      this.el.style.setProperty(`--sc-${name}`, c[name]);
    }
    this.el.style.setProperty("--sc-wrong", c.text.wrong);
    this.el.style.setProperty("--sc-sample", c.mark.sample);
    this.el.style.setProperty("--sc-focus", c.focus);
  }

  // An item of the readout is a text, or one text for each step of the clock.
  atClock(item) {
    if (!Array.isArray(item)) return item;
    return item[Math.min(item.length - 1, Math.round(this.clockValue() / this.spec.clock.step))];
  }

  showReadout() {
    const items = [...this.picture.readout, this.picture.aside].map((item) => this.atClock(item));
    while (this.readout.children.length < items.length) make("span", "", this.readout);
    items.forEach((item, i) => {
      const node = this.readout.children[i];
      setRichText(node, item);
      node.className = i === items.length - 1 ? "sc-aside" : "";
      if (node.offsetWidth > (node.widest ?? 0)) {
        node.widest = node.offsetWidth;
        node.style.minWidth = `${node.widest}px`;
      }
    });
  }

  showTransport() {
    if (!this.transport) return;
    const { clock } = this.spec;
    this.transport.input.value = this.clock.value;
    const time = +this.clockValue().toFixed(2);
    this.transport.input.setAttribute("aria-valuetext", `${clock.label} ${time} of ${clock.end} ${clock.unit}`.trim());
    if (this.time) setRichText(this.time, `**${time.toFixed(1)}** ${clock.unit}`);
    this.play.classList.toggle("sc-playing", this.clock.playing);
    this.play.setAttribute("aria-label", this.clock.playing ? "Pause" : "Play");
  }

  describe() {
    const numbers = this.picture.readout.map((item) => plainText(this.atClock(item))).join("; ");
    return `${plainText(this.spec.question)} ${plainText(this.picture.alt)} ${numbers}`;
  }

  // --- watching -------------------------------------------------------------------------

  watch() {
    const motion = matchMedia("(prefers-reduced-motion: reduce)");
    this.still = motion.matches;
    motion.onchange = () => { this.still = motion.matches; };
    this.resize = new ResizeObserver(() => { if (this.el.clientWidth !== this.seenWidth) { this.seenWidth = this.el.clientWidth; this.arrange(); } });
    this.resize.observe(this.el);
    this.theme = new MutationObserver(() => { this.painted = null; this.later(); });
    this.theme.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name", "style"] });
    this.sight = new IntersectionObserver(([entry]) => {
      this.hidden = !entry.isIntersecting;
      if (entry.isIntersecting) this.redrawIfStale();
    });
    this.sight.observe(this.el);
    this.pointer();
  }

  redrawIfStale() {
    if ((window.devicePixelRatio || 1) !== this.ratio) this.arrange();
    else this.later();
  }

  pointer() {
    const { canvas } = this;
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    const nearest = ([x, y]) => (this.handles ?? []).filter((h) => Math.hypot(h.px - x, h.py - y) <= 22)
      .sort((a, b) => Math.hypot(a.px - x, a.py - y) - Math.hypot(b.px - x, b.py - y))[0] ?? null;
    canvas.addEventListener("pointerdown", (event) => {
      this.dragging = nearest(at(event));
      if (!this.dragging) return;
      event.preventDefault();
      canvas.setPointerCapture(event.pointerId);
      this.setPlaying(false);
      this.later();
    });
    const grab = (event) => { if (nearest(at(event.touches[0]))) event.preventDefault(); };
    canvas.addEventListener("touchstart", grab, { passive: false }); // or the page scrolls instead
    canvas.addEventListener("pointermove", (event) => {
      if (this.dragging) this.drag(at(event));
      else this.hover(nearest(at(event)));
    });
    for (const type of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(type, () => {
        if (!this.dragging) return;
        this.dragging = null;
        this.dragged = true;
        this.ask(true);
        this.replay();
      });
    }
    canvas.addEventListener("pointerleave", () => this.hover(null));
  }

  hover(handle) {
    this.canvas.style.cursor = handle ? "grab" : "default";
    if (handle?.name === this.hovered?.name && !handle === !this.hovered) return;
    this.hovered = handle;
    this.later();
  }

  // A handle moves controls by its place in the panel (x, y) or its angle about a point.
  drag([px, py]) {
    const { moves, about, panel } = this.dragging;
    this.canvas.style.cursor = "grabbing";
    const [x, y] = [panel.x.invert(px), panel.y.invert(py)];
    if (moves.x) this.set(moves.x, x);
    if (moves.y) this.set(moves.y, y);
    if (moves.angle) this.set(moves.angle, Math.atan2(y - about[1], x - about[0]));
  }

  close() {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.patience);
    clearTimeout(this.release);
    clearTimeout(this.again);
    this.model.off("change:picture", this.onPicture);
    for (const observer of [this.resize, this.theme, this.sight]) observer.disconnect();
  }
}

export default {
  render({ model, el }) {
    const view = new FigureView(model, el);
    return () => view.close();
  },
};
