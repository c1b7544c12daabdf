"""Write the files of the training case again: `python -m chainflow.samples [FOLDER]`."""

from __future__ import annotations

import csv
import io
import sys
import textwrap
from pathlib import Path

from chainflow.ledger import store
from chainflow.samples import Lesson, path, training_case

_README = """# {title}: a made-up case to practise on

{story}

{question}

**Seed.** `{seed}` is the payment of {ransom:,} base units (50 BTC).

| file | what |
|---|---|
| `ledger.json` | all {count} transactions, as bytes that hash, each address with its whole history |
| `tags.yaml` | what others say about four addresses; one of them is wrong |
| `truth.csv` | whose each address is: for whoever grades, not for whoever solves |

Everything is on the chain `btc-regtest`, with addresses (`bcrt1…`, `m…`, `n…`, `2…`) that no real wallet
uses and signatures that no node would accept. The names are invented.

These files, this page included, are written by `python -m chainflow.samples`; `samples.training_case(seed=2)`
tells the same story with other addresses. How to use it in a class: `docs/how-to/teach.md`.
"""


def write(lesson: Lesson, folder: Path) -> None:
    """Write ledger, tags, truth and README of a lesson into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    about = f"{lesson.story} Made by chainflow.samples.training_case(seed=1)."
    store.write(lesson.ledger, folder / "ledger.json", title=lesson.title, about=about)
    lesson.tags.write(folder / "tags.yaml", title=f"{lesson.title} (made up)")
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("address", "owner"))
    rows.writerows(sorted(lesson.truth.items()))
    (folder / "truth.csv").write_text(text.getvalue(), encoding="utf-8", newline="\n")
    page = _README.format(
        title=lesson.title,
        story=textwrap.fill(lesson.story, 108),
        question=textwrap.fill(f"**Question.** {lesson.question}", 108),
        seed=lesson.seed,
        ransom=lesson.answers["ransom_sat"],
        count=len(lesson.ledger),
    )
    (folder / "README.md").write_text(page, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    write(training_case(seed=1), Path(sys.argv[1]) if len(sys.argv) > 1 else path("training"))
