"""Some of COCO's photographs as a folder that `captions:FOLDER` reads.

    python tests/support/photographs.py SOURCE FOLDER --n 20

SOURCE holds `photos/*.jpg`, `photos.json` in COCO's layout, and `boxes.json`, a list of `{image_id, objects}`.
"""

import argparse
import json
import pathlib

from qrkeras.data import order

HELD_OUT = 2


def lay_out(source, folder, n):
    """Makes a folder of links to the first n photographs with boxes that are trained on, and two that are held out.

    Returns: those that are trained on, file name -> captions.
    """
    notes = json.loads((source / "photos.json").read_text())
    boxes = {each["image_id"]: each["objects"] for each in json.loads((source / "boxes.json").read_text())}
    known = [image for image in notes["images"] if boxes.get(image["id"])]
    trained = [image for image in known if not order.held_out(image["file_name"])][:n]
    chosen = trained + [image for image in known if order.held_out(image["file_name"])][:HELD_OUT]
    numbers = {image["id"] for image in chosen}
    kept = {
        "images": [{key: image[key] for key in ("id", "file_name", "width", "height")} for image in chosen],
        "annotations": [note for note in notes["annotations"] if note["image_id"] in numbers],
    }
    folder.mkdir(parents=True, exist_ok=True)
    for image in chosen:
        (folder / image["file_name"]).symlink_to((source / "photos" / image["file_name"]).resolve())
    (folder / "captions.json").write_text(json.dumps(kept))
    said = kept["annotations"]
    return {
        image["file_name"]: [note["caption"] for note in said if note["image_id"] == image["id"]] for image in trained
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--n", type=int, default=20, help="photographs that are trained on")
    given = parser.parse_args()
    print(*lay_out(given.source, given.folder, given.n))


if __name__ == "__main__":
    main()
