// ---- selection ---------------------------------------------------------------------------------------
function choose(id) {
  lit = new Set();
  if (flows.has(id)) {
    const flow = flows.get(id);
    lit = new Set([id, flow.source, flow.target]);
    showFlow(flow);
  } else if (items.has(id)) {
    lit.add(id);
    for (const flow of flows.values()) {
      if (flow.source === id || flow.target === id) { lit.add(flow.id); lit.add(flow.source); lit.add(flow.target); }
    }
    showItem(items.get(id));
  } else {
    $("details").hidden = true;
    sizeRow();
  }
  relight();
}
function relight() {
  document.querySelector('[data-do="clear"]').disabled = lit.size === 0;
  for (const row of document.querySelectorAll("tr[data-id]")) row.classList.toggle("lit", lit.has(row.dataset.id));
  if (network) { edgeSet.update(C.edges.map(edgeLook)); network.redraw(); }
}
function panel(title) {
  const close = el("button", "close", "Close");
  close.type = "button";
  close.addEventListener("click", () => choose(""));
  const name = el("h2", "", title);
  name.id = "details-name";
  $("details").replaceChildren(name, close);
  $("details").hidden = false;
  sizeRow();
  $("details").scrollTop = 0;
  return $("details");
}
function pairs(rows) {
  const list = el("dl");
  for (const [term, ...content] of rows) list.append(el("dt", "", term), el("dd", "", ...content));
  return list;
}
function nameOf(item) {
  const part = item.parts > 1 ? `, appearance ${item.part} of ${item.parts}` : "";
  return el("span", "", foreign(item.label), part);
}
function who(item) {
  const box = el("span", "", nameOf(item));
  if (item.name !== item.label && item.kind !== "others") box.append(el("br"), foreign(item.name, "code"));
  return box;
}
function proof(rows) {
  const [seq, sha256, source, url, retrieved] = rows;
  return el("div", "proof", pairs([
    ["Source", foreign(source)],
    ["URL", foreign(url || "none", "code")],
    ["Raw reply", foreign(sha256 ? `sha256 ${sha256}` : "not kept", "code")],
    ["Log number", seq === 0 ? "none: read from a file" : seq],
    ["Retrieved", retrieved],
  ]));
}
function showFlow(flow) {
  const source = items.get(flow.source), target = items.get(flow.target);
  const box = panel(coins(flow.value_sat));
  box.append(pairs([
    ["From", who(source)],
    ["To", who(target)],
    ["When", flow.first === flow.last ? flow.first : `${flow.first} – ${flow.last}`],
    ["Amount", C.lines[flow.sign].word],
  ]));
  const count = flow.payments.length;
  box.append(el("h3", "", `${count} ${count === 1 ? "transaction" : "transactions"}`));
  for (const payment of flow.payments) box.append(transaction(payment, target));
}
function transaction(payment, target) {
  const note = notes.get(payment.txid);
  const rows = [[{ observed: "Paid", traced: "Traced", "pro rata": "Pro-rata share" }[payment.basis], el("span", "amount", coins(payment.value_sat))]];
  if (payment.paid_sat !== payment.value_sat && payment.paid_sat !== "0") rows.push(["Paid there in all", coins(payment.paid_sat)]);
  if (target.kind !== "transaction" && note.payers > 1 && payment.paid_sat !== payment.value_sat) rows.push(["Payers", `${note.payers} addresses paid together`]);
  rows.push(["Txid", foreign(note.txid, "code")], ["Time", note.when], ["Block", note.height === null ? "none known" : note.height.toLocaleString("en")]);
  if (note.fee_sat !== null) rows.push(["Fee", coins(note.fee_sat)]);
  rows.push(["Verified", note.level]);
  if (note.tags.length) rows.push(["Tags", foreign(note.tags.join("; "))]);
  const article = el("article", "", pairs(rows));
  article.append(note.evidence.length ? el("div", "note", "Evidence") : el("div", "note", "Evidence: not given with this picture."));
  for (const entry of note.evidence) article.append(proof(entry));
  return article;
}
function showItem(item) {
  const box = panel(nameOf(item));
  const kinds = { address: "address", cluster: "cluster: grouped by inference", others: "several small items, merged: no path through them is claimed", coinbase: "newly made coins", unseen: "a payer that is not in evidence", transaction: "a transaction in which many pay many: who paid whom is not known" };
  const rows = [["What", kinds[item.kind] || item.kind]];
  if (item.kind !== "others" && item.kind !== "coinbase") rows.push(["Name", foreign(item.name, "code")]);
  rows.push(["Lines in", item.cells.in], ["Lines out", item.cells.out]);
  if (item.spent_sat !== null) rows.push(["Spent", `${item.cells.spent}, fees included, as observed`]);
  if (item.internal_sat !== "0") rows.push(["To itself", coins(item.internal_sat)]);
  if (item.coverage) rows.push(["History", foreign(item.coverage)]);
  if (item.unordered) rows.push(["Order", "paid again after it had paid: a path through it may not exist"]);
  box.append(pairs(rows));
  if (item.ends.length) box.append(el("h3", "", "Goes no further here"));
  for (const end of item.ends) {
    box.append(pairs([[end.word, el("span", "amount", coins(end.value_sat))], ["In", foreign(some(end.outpoints, 30), "code")]]));
  }
  box.append(el("h3", "", "Who says what"));
  if (!item.tags.length) box.append(el("p", "note", item.kind === "others" ? "Open the table of items for the members." : "No tag was given for it. That says nothing about who it is."));
  for (const tag of item.tags) {
    box.append(el("article", "", pairs([
      ["Tag", foreign(tag.label || "(no label)")],
      ["Category", foreign(tag.category || "not stated")],
      ["Actor", foreign(tag.actor || "not stated")],
      ["Says", foreign(tag.source || "not stated")],
      ["Context", foreign(tag.context || "not stated")],
      ["Confidence", foreign(tag.confidence || "not stated")],
      ["Date", foreign(tag.date || "not stated")],
      ["Address", foreign(tag.address, "code")],
    ])));
  }
  const near = C.flows.filter((flow) => flow.source === item.id || flow.target === item.id);
  box.append(el("h3", "", `${near.length} ${near.length === 1 ? "line" : "lines"}`));
  for (const flow of near) {
    const isOut = flow.source === item.id;
    const open = el("button", "", `${isOut ? "to" : "from"} `, foreign(items.get(isOut ? flow.target : flow.source).label), `: ${coins(flow.value_sat)}`);
    open.type = "button";
    open.addEventListener("click", () => choose(flow.id));
    box.append(el("div", "", open));
  }
  if (item.addresses.length > 1) {
    box.append(el("h3", "", `${item.addresses.length} addresses`), foreign(item.addresses.join(" "), "code"));
  }
}

// ---- legend and tables -------------------------------------------------------------------------------
const SVG = "http://www.w3.org/2000/svg";
function shape(tag, attributes, parent) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (parent) parent.append(node);
  return node;
}
function sign(entry) {
  const svg = shape("svg", { width: 24, height: 18, viewBox: "0 0 24 18", "aria-hidden": "true" });
  if (entry.mark) shape("path", { transform: "translate(10,9)", d: entry.mark, fill: entry.filled ? INK : "none", stroke: INK, "stroke-width": 1.5 }, svg);
  if (entry.letter) {
    shape("rect", { x: 1, y: 1, width: 18, height: 16, rx: 4, fill: entry.colour, stroke: "#B4BFCA" }, svg);
    shape("text", { x: 10, y: 13.5, "text-anchor": "middle", "font-size": 12, "font-weight": 700, fill: entry.ink }, svg).textContent = entry.letter;
  }
  if (entry.line === "double") shape("path", { d: "M1,3h18v12h-18zM4,6h12v6h-12z", fill: "none", stroke: INK }, svg);
  else if (entry.line) shape("path", { d: "M0,9h20", stroke: LINE, "stroke-width": 3, "stroke-dasharray": C.lines[entry.line].dashes.join(" ") || "none" }, svg);
  return svg;
}
function legend() {
  for (const block of C.legend_blocks) {
    const list = el("ul");
    for (const entry of block.entries) {
      const line = el("li");
      if (entry.mark || entry.letter || entry.line) line.append(sign(entry));
      line.append(el("span", "", foreign(entry.text)));
      list.append(line);
    }
    $("legend").append(el("div", "", el("h3", "", block.title), list));
  }
}
function table(id, heads, rows) {
  const head = el("tr");
  for (const [text, className] of heads) {
    const cell = el("th", className, text);
    cell.scope = "col";
    head.append(cell);
  }
  const body = el("tbody");
  for (const [key, ...cells] of rows) {
    const row = el("tr");
    row.dataset.id = key;
    const open = el("button", "", "Show");
    open.type = "button";
    open.setAttribute("aria-label", `Show ${cells.slice(0, 3).map((cell) => cell.textContent || cell).join(", ")}`);
    open.addEventListener("click", () => { choose(key); $("details").focus(); });
    row.append(el("td", "", open));
    cells.forEach((cell, number) => row.append(el("td", heads[number + 1][1], cell)));
    body.append(row);
  }
  $(id).append(el("thead", "", head), body);
}
function tables() {
  const spent = C.items.some((item) => item.spent_sat !== null);
  table("flows", [["", ""], ["From", ""], ["To", ""], ["Amount", "number"], ["Basis", ""], ["Transactions", "number"], ["First (UTC)", ""], ["Last (UTC)", ""], ["Txids", ""]],
    C.flows.map((flow) => [flow.id, nameOf(items.get(flow.source)), nameOf(items.get(flow.target)), coins(flow.value_sat), flow.basis, String(flow.payments.length), flow.first.replace(" UTC", ""), flow.last.replace(" UTC", ""), foreign(some(flow.payments.map((payment) => payment.txid), 5), "code")]));
  table("items", [["", ""], ["Item", ""], ["Category", ""], ["In", "number"], ["Out", "number"], ...(spent ? [["Spent", "number"]] : []), ["Goes no further", ""], ["Addresses", ""]],
    C.items.map((item) => [item.id, nameOf(item), foreign(item.category.replaceAll("_", " ") || "no tag"), item.cells.in, item.cells.out, ...(spent ? [item.cells.spent] : []),
      item.ends.map((end) => `${coins(end.value_sat)} ${end.word}`).join("; "), foreign(some(item.addresses, 3) || item.name, "code")]));
}

document.querySelector('[data-do="in"]').addEventListener("click", () => zoom(1.25));
document.querySelector('[data-do="out"]').addEventListener("click", () => zoom(0.8));
document.querySelector('[data-do="fit"]').addEventListener("click", fit);
document.querySelector('[data-do="clear"]').addEventListener("click", () => choose(""));
document.addEventListener("keydown", (event) => { if (event.key === "Escape") choose(""); });
legend();
tables();
start();
relight();
window.chainflow = { positions: () => network.getPositions(), place: (id) => network.canvasToDOM(network.getPositions([id])[id]) };
})();
