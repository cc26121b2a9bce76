// Text with symbols: *θ* is a symbol, **5** bold, _{w} and ^{2} sub- and superscript.

const SANS = 'system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif';
const SERIF = '"STIX Two Text", "Times New Roman", "Liberation Serif", serif';

// "*J*(*θ*) = **5** m" -> [{text: "J", symbol: true}, {text: "("}, ...]
function textRuns(source) {
  const runs = [];
  const pattern = /\*\*(.+?)\*\*|\*(.+?)\*|_\{(.+?)\}|\^\{(.+?)\}|([^*_^]+|.)/g;
  for (const [, bold, symbol, sub, sup, plain] of String(source).matchAll(pattern)) {
    const text = bold ?? symbol ?? sub ?? sup ?? plain;
    const signed = text.replace(/(^|[^\w.])-(?=[\d.])/g, "$1\u2212");
    runs.push({ text: signed, bold: !!bold, symbol: !!symbol, sub: !!sub, sup: !!sup });
  }
  return runs;
}

function plainText(source) {
  return textRuns(source).map((run) => run.text).join("");
}

function setRichText(node, source) {
  if (node.dataset.source === source) return;
  node.dataset.source = source;
  node.replaceChildren(...textRuns(source).map((run) => {
    const tag = run.bold ? "b" : run.symbol ? "i" : run.sub ? "sub" : run.sup ? "sup" : "span";
    const child = document.createElement(tag);
    child.textContent = run.text;
    return child;
  }));
}

function runFont(run, size, weight) {
  if (run.symbol) return `italic ${Math.round(size * 1.12)}px ${SERIF}`;
  const scaled = run.sub || run.sup ? Math.max(10, size * 0.75) : size;
  return `${run.bold ? 600 : weight} ${scaled}px ${SANS}`;
}

// Draws one line of rich text; `align` is left, center or right; `halo` clears lines behind it.
function drawText(ctx, source, x, y, { size = 12, weight = 400, color, align = "left", halo }) {
  const runs = textRuns(source);
  const measure = (run) => {
    ctx.font = runFont(run, size, weight);
    return ctx.measureText(run.text).width;
  };
  const widths = runs.map(measure);
  const total = widths.reduce((a, b) => a + b, 0);
  const at = x - (align === "center" ? total / 2 : align === "right" ? total : 0);
  ctx.textAlign = "left";
  ctx.textBaseline = "alphabetic";
  const each = (paint) => runs.reduce((left, run, i) => {
    ctx.font = runFont(run, size, weight);
    paint(run.text, left, y + (run.sub ? size * 0.25 : run.sup ? -size * 0.4 : 0));
    return left + widths[i];
  }, at);
  if (halo) { // of the whole line first, or that of one run would cover the end of the last
    Object.assign(ctx, { strokeStyle: halo, lineWidth: 5, lineJoin: "round" });
    ctx.setLineDash([]);
    each((...place) => ctx.strokeText(...place));
  }
  ctx.fillStyle = color;
  each((...place) => ctx.fillText(...place));
  return total;
}
