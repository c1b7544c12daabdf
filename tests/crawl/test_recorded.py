"""Recorded cases, served verbatim by a server that is not ours, fetched and worked through."""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from chainflow.case import Case
from chainflow.tags import Tags

HYDRA = "16ZSAEfYpPCj3D94fsNt2okYj9Ue8mxy6T"
TX0 = "333f45431e47b9543772013ac83a9b33cc58dc3245ccfd48b972107bb8405c13"
MIX = "323df21f0b0756f98336437aa3d2fb87e02b59f1946b714a7b09df04d429dec2"


@pytest.fixture
def serve(shared):
    """Return a function that serves recorded bodies by path and returns the base URL."""
    servers = []

    def start(bodies):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = bodies.get(self.path)
                self.send_response(404 if body is None else 200)
                body = b"Not found" if body is None else body
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        return f"esplora:http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def recorded(path):
    body = path.read_bytes()
    return gzip.decompress(body) if path.suffix == ".gz" else body


def test_hydra_the_deposit_ends_at_a_tag_that_somebody_asserts(shared, serve, tmp_path):
    here = shared / "cases" / "hydra"
    url = serve(
        {
            "/blocks/tip/height": recorded(here / "hydra_tip.txt"),
            f"/address/{HYDRA}": recorded(here / "hydra_anchor_stats.json"),
            f"/address/{HYDRA}/txs": recorded(here / "hydra_anchor_txs.json"),
        }
    )
    with Case(tmp_path / "hydra.chainflow", url) as case:
        case.tags += Tags.read(here / "hydra_tagpack.yaml", here / "hydra_actorpack.yaml")
        case.fetch(HYDRA)
        assert case.ledger.verified == (2, 2)
        trail = case.trace(
            "a81aac076d9467db56de87a5cf3ce1d4b3f3dd1bfb75e72b1b4f1034c1759929:1", "fifo", stop=case.tags
        )
        assert trail.balance["service"] == 1152977
        assert sum(trail.balance.values()) == trail.seed_sat == 15819615
        assert case.exposure(trail).balance["market"] == 1152977
        case.report(tmp_path / "hydra.html")
        assert case.verify().ok


def test_whirlpool_ends_at_the_mix_and_joins_nobody(shared, serve, tmp_path):
    here = shared / "cases" / "whirlpool"
    url = serve(
        {
            "/blocks/tip/height": recorded(here / "coinjoin_tip.txt"),
            f"/tx/{TX0}": recorded(here / "coinjoin_tx0.json"),
            f"/tx/{MIX}": recorded(here / "coinjoin_tx.json"),
        }
    )
    with Case(tmp_path / "whirlpool.chainflow", url) as case:
        done = case.fetch([TX0, MIX])
        assert all("the source declines" in why for _, why in done.not_followed)
        trail = case.trace(f"{TX0}:8", "fifo")
        assert trail.balance == {"coinjoin": 5010000}
        assert max(case.cluster().sizes.values()) == 1
        assert case.cluster(veto=()).sizes[next(iter(case.cluster(veto=()).sizes))] == 5
        assert case.verify().ok


def test_colonial_replies_verbatim_give_the_sealed_sample(shared, serve, tmp_path):
    from chainflow import samples

    here, bodies = shared / "cases" / "colonial", {}
    for name, address in zip(
        ("ransom", "anchor", "fbi"), samples.facts("colonial")["addresses"], strict=True
    ):
        txs = next(here.glob(f"colonial_{name}_txs.json*"))
        bodies[f"/address/{address}"] = recorded(here / f"colonial_{name}_stats.json")
        bodies[f"/address/{address}/txs"] = recorded(txs)
    bodies["/blocks/tip/height"] = recorded(here / "colonial_tip.txt")
    with Case(tmp_path / "a.chainflow", serve(bodies)) as case:
        case.fetch(samples.facts("colonial")["addresses"])
        sample = samples.load("colonial")
        assert case.ledger.outputs.equals(sample.outputs)
        assert case.ledger.txs.equals(sample.txs)
