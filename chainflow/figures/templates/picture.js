(function () {
"use strict";
const C = JSON.parse(document.getElementById("content").textContent);
const INK = "#16202B", MUTED = "#4A5866", LINE = "#66778A", LIT = "#1B3A57";
const SANS = 'system-ui, "Segoe UI", "DejaVu Sans", Arial, sans-serif';
const MONO = '"DejaVu Sans Mono", Menlo, Consolas, monospace';
const $ = (id) => document.getElementById(id);
const items = new Map(C.items.map((item) => [item.id, item]));
const flows = new Map(C.flows.map((flow) => [flow.id, flow]));
const notes = new Map(C.transactions.map((note) => [note.txid, note]));
const unit = C.legend.unit;
let lit = new Set(C.in_focus);

// Text from outside is only ever put in as text.
function el(tag, className, ...content) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  for (const part of content) node.append(part instanceof Node ? part : String(part));
  return node;
}
function some(texts, many) {
  return texts.slice(0, many).join(" ") + (texts.length > many ? ` and ${(texts.length - many).toLocaleString("en")} more` : "");
}
function foreign(text, className) { return el("bdi", className || "", text); }

// Amounts are texts of base units: no number of money is ever a float here.
function coins(sat) {
  const minus = sat.startsWith("-") ? "-" : "";
  const digits = sat.replace("-", "").padStart(9, "0");
  const whole = digits.slice(0, -8).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  return `${minus}${whole}.${digits.slice(-8)} ${unit}`;
}
// Nodes and edges of a line are called "flow/piece/place".
function flowOf(id) { return flows.get(id.split("/")[0]); }
function isShown(id) { return lit.size === 0 || lit.has(id); }

// ---- the picture -------------------------------------------------------------------------------------
function roundedBox(ctx, x, y, w, h, r) {
  ctx.beginPath();
  ctx.moveTo(x + r, y);
  ctx.arcTo(x + w, y, x + w, y + h, r);
  ctx.arcTo(x + w, y + h, x, y + h, r);
  ctx.arcTo(x, y + h, x, y, r);
  ctx.arcTo(x, y, x + w, y, r);
  ctx.closePath();
}
function drawMark(ctx, path, filled, x, y) {
  const shape = new Path2D(path);
  ctx.save();
  ctx.translate(x, y);
  ctx.strokeStyle = ctx.fillStyle = INK;
  ctx.lineWidth = 1.5;
  if (filled) ctx.fill(shape);
  ctx.stroke(shape);
  ctx.restore();
}
function drawItem(ctx, item, chosen) {
  const face = item.face, left = item.x - item.width / 2, top = item.y - item.height / 2;
  ctx.save();
  ctx.globalAlpha = isShown(item.id) ? 1 : 0.3;
  ctx.strokeStyle = chosen ? "#1769AA" : INK;
  ctx.lineWidth = chosen ? 3 : 1.1;
  if (face.border === "double") { roundedBox(ctx, left - 3, top - 3, item.width + 6, item.height + 6, 9); ctx.stroke(); }
  roundedBox(ctx, left, top, item.width, item.height, 7);
  ctx.fillStyle = "#FFFFFF";
  ctx.fill();
  ctx.save();
  ctx.clip();
  ctx.fillStyle = item.colour;
  if (face.hollow) {
    ctx.strokeStyle = item.colour;
    ctx.lineWidth = 5;
    ctx.strokeRect(left, top, 22, item.height);
  } else ctx.fillRect(left, top, 22, item.height);
  ctx.restore();
  ctx.strokeStyle = chosen ? "#1769AA" : INK;
  ctx.lineWidth = chosen ? 3 : 1.1;
  if (face.border === "dashed") ctx.setLineDash([6, 4]);
  roundedBox(ctx, left, top, item.width, item.height, 7);
  ctx.stroke();
  ctx.setLineDash([]);
  ctx.textBaseline = "alphabetic";
  ctx.textAlign = "center";
  ctx.fillStyle = face.ink;
  ctx.font = `700 15px ${SANS}`;
  ctx.fillText(item.letter, left + 11, item.y + 5);
  const first = top + 20 + (item.height - (12 + 16 * face.lines.length)) / 2;
  ctx.textAlign = "left";
  face.lines.forEach((line, row) => {
    const isEnd = face.mark && row === face.lines.length - 1;
    ctx.font = row < face.named ? `700 13px ${face.mono ? MONO : SANS}` : `11.5px ${SANS}`;
    ctx.fillStyle = row < face.named || isEnd ? INK : MUTED;
    ctx.fillText(line, left + (isEnd ? 44 : 28), first + row * 16, item.width - (isEnd ? 50 : 34));
  });
  if (face.badge) {
    ctx.textAlign = "right";
    ctx.font = `700 13px ${SANS}`;
    ctx.fillText(face.badge, left + item.width - 7, first);
  }
  if (face.mark) drawMark(ctx, face.mark, face.filled, left + 35, first + (face.lines.length - 1) * 16 - 4);
  ctx.restore();
}
function drawLabel(ctx, flow) {
  if (lit.size && !lit.has(flow.id)) return;
  const half = Math.floor(flow.line_width / 20);
  const parts = [[flow.label[0], flow.label_y - 3 - half, `700 12px ${SANS}`, INK], [flow.label[1], flow.label_y + 11 + half, `11px ${SANS}`, MUTED]];
  ctx.save();
  ctx.textAlign = "center";
  ctx.textBaseline = "alphabetic";
  ctx.lineJoin = "round";
  for (const [text, y, font, colour] of parts) {
    ctx.font = font;
    ctx.strokeStyle = "#FFFFFF";
    ctx.lineWidth = 4;
    ctx.strokeText(text, flow.label_x, y);
    ctx.fillStyle = colour;
    ctx.fillText(text, flow.label_x, y);
  }
  ctx.restore();
}
function drawEnd(ctx, node) {
  const flow = node.id.split("/")[0], faded = !isShown(flow);
  ctx.save();
  ctx.globalAlpha = faded ? 0.18 : 1;
  if (node.kind === "head") {
    ctx.fillStyle = lit.has(flow) ? LIT : LINE;
    ctx.beginPath();
    ctx.moveTo(node.x, node.y - 5);
    ctx.lineTo(node.x + C.arrow, node.y);
    ctx.lineTo(node.x, node.y + 5);
    ctx.fill();
  }
  if (node.joint) {
    const x = node.kind === "head" ? node.x + C.arrow + 11 : node.x - 11;
    ctx.beginPath();
    ctx.arc(x, node.y, 10, 0, 2 * Math.PI);
    ctx.fillStyle = "#FFFFFF";
    ctx.fill();
    ctx.lineWidth = 1;
    ctx.strokeStyle = LINE;
    ctx.stroke();
    ctx.fillStyle = INK;
    ctx.font = `11px ${SANS}`;
    ctx.textAlign = "center";
    ctx.textBaseline = "alphabetic";
    ctx.fillText(node.joint, x, node.y + 4);
  }
  ctx.restore();
}
function renderer(node) {
  const item = items.get(node.id), flow = flowOf(node.id);
  const size = item ? { width: item.width, height: item.height }
    : node.kind === "label" ? { width: 80, height: 26 } : { width: 0, height: 0 };
  return ({ ctx, state }) => ({
    drawNode() {
      if (item) drawItem(ctx, item, state.selected);
      else if (node.kind === "label") drawLabel(ctx, flow);
      else drawEnd(ctx, node);
    },
    nodeDimensions: size,
  });
}
function edgeLook(edge) {
  const flow = flowOf(edge.id), shown = isShown(flow.id), strong = lit.has(flow.id);
  return { id: edge.id, color: { color: strong ? LIT : LINE, opacity: shown ? 0.85 : 0.15, inherit: false } };
}

let network = null, edgeSet = null;
function start() {
  if (!items.size) {
    $("stage").replaceChildren(el("p", "empty", C.summary));
    $("tools").hidden = true;
    return;
  }
  const nodes = C.nodes.map((node) => ({ id: node.id, shape: "custom", x: node.x, y: node.y, physics: false, fixed: true, ctxRenderer: renderer(node) }));
  const edges = C.edges.map((edge) => ({
    id: edge.id, from: edge.from, to: edge.to, width: flowOf(edge.id).line_width / 10,
    dashes: flowOf(edge.id).dashes.length ? flowOf(edge.id).dashes : false, ...edgeLook(edge),
  }));
  edgeSet = new vis.DataSet(edges);
  sizeStage();
  network = new vis.Network($("canvas"), { nodes: new vis.DataSet(nodes), edges: edgeSet }, {
    physics: { enabled: false },
    layout: { improvedLayout: false },
    interaction: { dragNodes: false, zoomView: false, hover: false, selectConnectedEdges: false, hoverConnectedEdges: false, keyboard: false },
    nodes: { chosen: false, fixed: true },
    edges: { chosen: false, selectionWidth: 0, hoverWidth: 0, smooth: { enabled: true, type: "cubicBezier", forceDirection: "horizontal", roundness: 0.5 } },
  });
  network.on("click", ({ nodes, edges }) => {
    const node = nodes[0], id = node && items.has(node) ? node : (node || edges[0] || "").split("/")[0];
    choose(id);
  });
  network.once("afterDrawing", () => { document.body.dataset.ready = "1"; });
  const canvas = $("canvas");
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15);
  }, { passive: false });
  for (const inner of canvas.querySelectorAll("canvas, [tabindex]")) inner.setAttribute("tabindex", "-1");
  fit();
  new ResizeObserver(resized).observe($("stage"));
}
// A notebook keeps cells that are out of sight without a size: draw again when there is one.
let wide = 0;
function resized() {
  const now = $("stage").clientWidth;
  if (!now || now === wide) return;
  wide = now;
  sizeStage();
  network.setSize("100%", "100%");
  fit();
}
function fitScale() { return Math.min($("stage").clientWidth / C.width, 1.25); }
function sizeStage() {
  $("canvas").style.height = `${Math.round(Math.min(Math.max(C.height * fitScale() + 8, 180), 3200))}px`;
  sizeRow();
}
// The panel scrolls inside itself: it must not make the picture's row any higher than it needs.
function sizeRow() {
  const high = $("canvas").offsetHeight;
  $("stage").style.gridTemplateRows = items.size && high ? `${$("details").hidden ? high : Math.max(high, 520)}px` : "";
}
function fit() {
  const scale = Math.min(fitScale(), $("canvas").clientHeight / C.height);
  network.moveTo({ position: { x: C.width / 2, y: C.height / 2 }, scale, animation: false });
}
function zoom(by) {
  const scale = Math.min(Math.max(network.getScale() * by, 0.08), 4);
  network.moveTo({ scale, animation: false });
}
