"""Texts that try to become markup, and a figure with one in every place that takes text from outside."""

from __future__ import annotations

import base64

from chainflow.figures import Figure, draw
from chainflow.ledger import build
from chainflow.model import AddressClaim, Evidence, Listing, Tip
from chainflow.tags import Tags
from chainflow.tags.tag import Tag
from tests.made import origin, script, tx

HIT = "window.__pwned=1"
_CODE = base64.b64encode(HIT.encode()).decode()

PAYLOADS = (
    f"<script>{HIT}</script>",
    f"</script><script>{HIT}</script>",
    f"</SCRIPT ><script>{HIT}</script>",
    f"<!--<script>{HIT}</script>-->",
    f"--><script>{HIT}</script>",
    f"]]><script>{HIT}</script>",
    f"</title><script>{HIT}</script>",
    f"</style><script>{HIT}</script>",
    f"</textarea><script>{HIT}</script>",
    f"</noscript><script>{HIT}</script>",
    f"<img src=x onerror={HIT}>",
    f'"><img src=x onerror={HIT}>',
    f"'><img src=x onerror={HIT}>",
    f"`><img src=x onerror={HIT}>",
    f'" onmouseover="{HIT}" x="',
    f"' onfocus='{HIT}' autofocus '",
    f"<svg onload={HIT}>",
    f"<svg/onload={HIT}>",
    f"<svg><script>{HIT}</script></svg>",
    f"<svg><animate onbegin={HIT} attributeName=x dur=1s>",
    f"<svg><foreignObject><body onload={HIT}></foreignObject></svg>",
    f"<math><mtext></form><form><mglyph><style></math><img src onerror={HIT}>",
    f"<body onload={HIT}>",
    f"<iframe src='javascript:{HIT}'></iframe>",
    f"<iframe srcdoc='<script>parent.{HIT}</script>'></iframe>",
    f"<object data='javascript:{HIT}'></object>",
    f"<embed src='javascript:{HIT}'>",
    f"<a href='javascript:{HIT}' id=link>href</a>",
    f"<a href='data:text/html;base64,{_CODE}'>href</a>",
    "<base href='https://evil.example/'>",
    f"<meta http-equiv=refresh content='0;url=javascript:{HIT}'>",
    "<link rel=stylesheet href='https://evil.example/a.css'>",
    "<style>@import 'https://evil.example/a.css';</style>",
    "<img src='https://evil.example/pixel.gif'>",
    "<video src='https://evil.example/a.mp4' autoplay>",
    f"<details open ontoggle={HIT}>",
    f"<input autofocus onfocus={HIT}>",
    f"<select autofocus onfocus={HIT}>",
    f"<marquee onstart={HIT}>",
    f"<audio src onloadstart={HIT}>",
    f"<template><script>{HIT}</script></template>",
    f"<form action='javascript:{HIT}'><button id=go>go</button></form>",
    f"{{{{constructor.constructor('{HIT}')()}}}}",
    f"${{{HIT}}}",
    f"{{% print('{HIT}') %}}",
    f"\u2028;{HIT};//",
    f"\u2029;{HIT};//",
    f'\\";{HIT};//',
    f'"}};{HIT};//',
    f"';{HIT};//",
    f"\\u003cscript\\u003e{HIT}\\u003c/script\\u003e",
    f"&lt;script&gt;{HIT}&lt;/script&gt;",
    f"&#60;script&#62;{HIT}&#60;/script&#62;",
    f"\ufeff<script>{HIT}</script>",
    f"\u202e<script>{HIT}</script>",
    f"\x00<script>{HIT}</script>",
    f"\ud83d<script>{HIT}</script>"[1:],
    "__proto__",
    "constructor",
    "href",
    "א" * 10_000,
    "w" * 10_000,
    "\u0301" * 500,
    f"javascript:{HIT}",
)


def hostile_figure() -> Figure:
    """Return a figure with a payload in each text of each tag, source, URL, claim, reason, title and name."""
    statements = [(Tip("btc-regtest", 500), Evidence(0, "", PAYLOADS[0], "", None))]
    tags = []
    for number, payload in enumerate(PAYLOADS):
        owner = f"owner {number}"
        paid = tx([origin(1000 + number, owner, number=number + 1)], [(900, "till")], height=100 + number)
        evidence = Evidence(
            number + 1, f"{number:064x}", payload, f"https://a.example/{payload}", 1_700_000_000
        )
        statements.append((paid, evidence))
        address = _address(owner)
        statements.append((AddressClaim("btc-regtest", address, 5), evidence))
        statements.append(
            (
                Listing(
                    "btc-regtest", address, "", (paid.txid,), complete=False, reason=f"limited {payload}"
                ),
                evidence,
            )
        )
        texts = dict.fromkeys(
            ("label", "category", "actor", "source", "creator", "date", "abuse", "context"), payload
        )
        tags.append(Tag(address=address, chain="btc-regtest", **texts))
        tags.append(Tag(address="", txid=paid.txid, chain="btc-regtest", label=payload, source=payload))
    ledger = build(statements)
    return draw(ledger, tags=Tags(tuple(tags)), title="".join(PAYLOADS[:20]), max_rows=100)


def _address(owner: str) -> str:
    from chainflow.addresses import address_of

    return address_of(script(owner), "btc-regtest") or ""
