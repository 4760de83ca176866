"""The remedy of a message is applied to what caused it, and gets further."""

import re

import numpy as np
import pytest
import yaml

from cnntrain.config.read import plan_from_tree, plan_to_tree
from cnntrain.errors import DataError

REMEDY = re.compile(r"""['"]((?:\w+): (?:\[[^\]]*\]|','|[\w.]+))['"]""")
TABLE = "1,2.5,oak\n3,4,elm\n0,.5,oak\n7,1,elm\n"
HEAD = "height,width,kind\n"
INDEXED = "id,u,kind\n" + "".join(f"{k},{k * k % 7},{'uv'[k % 2]}\n" for k in range(6))
SEXES = "sex,u,label\nf,1,a\nm,2,b\nf,3,b\n"


def csv(text, **options):
    return {"source": "csv", "train": "a.csv", **options}, {"a.csv": text.encode()}


def npz(x, y, **options):
    return {"source": "npz", "train": "a.npz", **options}, {"a.npz": {"x": x, "y": y}}


CASES = {
    "no header": csv(TABLE),
    "which column": csv("a,b,price\n1,2,30\n3,4,50\n5,6,80\n"),
    "row numbers": csv(INDEXED),
    "unnamed row numbers": csv(INDEXED.replace("id,", ",", 1), label="kind"),
    "text column": csv(SEXES),
    "decimal comma": csv(HEAD + '1,"2,5",oak\n2,"2,6",elm\n'),
    "channels last": npz(np.zeros((4, 9, 9, 3)), np.arange(4) % 2),
}


def first_remedy(message):
    found = REMEDY.search(message)
    assert found, f"no remedy in: {message}"
    return yaml.safe_load(found[1])


@pytest.mark.parametrize("case", CASES)
def test_each_remedy_leads_on(tmp_path, small_tree, case):
    options, files = CASES[case]
    for name, content in files.items():
        if isinstance(content, bytes):
            (tmp_path / name).write_bytes(content)
        else:
            np.savez(tmp_path / name, **content)
    seen = []
    for _ in range(3):
        source = plan_from_tree(small_tree(data=options)).data.source
        try:
            source.load(tmp_path.joinpath, 0)
            break
        except DataError as error:
            seen.append(str(error))
            options = {**options, **first_remedy(seen[-1])}
    assert seen
    assert len(set(seen)) == len(seen), "a remedy changed nothing"
    assert plan_to_tree(plan_from_tree(small_tree(data=options)))
