"""`qrkeras caption`: what a captioner says of images, and where each word looks."""

import pathlib
from typing import Annotated

from tyro.conf import Positional, arg

from qrkeras.verbs.arguments import Run

Images = Annotated[Positional[tuple[pathlib.Path, ...]], arg(metavar="[IMAGE ...]", help_behavior_hint="")]


def caption(
    run: Run,
    images: Images = (),
    /,
    beam: int = 5,
    n: int = 4,
    output: pathlib.Path | None = None,
):
    """Caption images: sentences with their probabilities, and a picture of each image, word by word.

    Args:
      run: Run directory of a captioner.
      images: Files of images, whatever their size: the middle square is resized. Without any, held-out ones of the
        run's data.
      beam: Captions that the search keeps for each image, all of which are printed.
      n: Number of held-out images, where no files are given.
      output: Folder of the pictures; None: RUN/captions.
    """
    import math

    import numpy as np

    from qrkeras import pictures
    from qrkeras.data.captioned import photograph
    from qrkeras.experiments import build, directories, runs
    from qrkeras.experiments.train import load_model
    from qrkeras.models.abilities import Captions

    opened = runs.load(run)
    output = output or opened.path / "captions"
    directories.check_folder(output)
    model = load_model(opened, able=Captions)
    if images:
        if model.boxes:
            raise ValueError(
                f"IMAGE must be left out for a model that looks at boxes, which come with its own data. Received: "
                f"{images[0]}. Without files, held-out images are captioned."
            )
        names = [path.stem for path in images]
        given = {"images": np.stack([photograph(path, model.example_shape[0]) for path in images])}
    else:
        if n < 1:
            raise ValueError(f"n must be at least 1 held-out image. Received: {n}")
        given = build.dataset(opened.preset, "test").given(n)
        names = [f"held-out-{i}" for i in range(len(given["images"]))]
    output.mkdir(parents=True, exist_ok=True)
    lines = []
    for i, (name, said) in enumerate(zip(names, model.caption(**given, beam=beam))):
        own = {key: values[i : i + 1] for key, values in given.items()}
        lines += [f"{name}:", *(f"  {math.exp(score):7.4f}  {sentence}" for sentence, score in said)]
        path = output / f"{i:03d}-{name}.png"
        best = said[0][0]
        if model.decoder.area_dim and best:
            [looked], [corners] = model.attend(captions=[best], **own)
            spoken = best.split()
            pictures.attention_words(own["images"][0], spoken, looked[: len(spoken)], corners, path)
        else:
            pictures.caption_sheet(own["images"], [best], path, columns=1)
        lines.append(f"  {path}")
    return lines
