"""AV-ADE refined, with classes, and on other data  (Lucas's thesis, Sections 5.5.3 to 5.6, and its preprint, CQ).

qrkeras train av-ade-ade-cifar10-wg-rd
qrkeras train av-ade-ade-lsun-church

Residual discriminator (rd), inverse autoregressive flow (iaf), wide generator (wg), wide discriminator (wd), two scales
in the invertible map (s2).
"""

import dataclasses

from qrkeras.families.ade.presets import AV_ADE, CIFAR10, conditional
from qrkeras.families.ade.schema import Hierarchy, RealNvp, ResidualDiscriminator
from qrkeras.families.papers import Published
from qrkeras.families.preset import Data, with_sources

TABLE, DATA, P = "Lucas, Table A.1", "Lucas, Section 5.5.4", "CQ, Section 5 and Table 5"
FINER = "a resolution more next to the image, of half the planes"
RESIDUAL = Hierarchy(planes=(32, 64, 128, 256), stem_planes=16)
RESIDUAL_SOURCES = {
    "network": TABLE,
    "network.stem_planes": TABLE,
    "discriminator": f"{TABLE}: residual blocks",
}


def _wide(network):
    """wg: twice the planes, and as many latents."""
    planes = tuple(2 * each for each in network.planes)
    return dataclasses.replace(network, planes=planes, stem_planes=2 * network.stem_planes)


def _finer(network):
    """One resolution more, next to the image."""
    return dataclasses.replace(
        network,
        planes=(network.planes[0] // 2, *network.planes),
        latent_planes=(network.latent_planes[0], *network.latent_planes),
        blocks=(1, *network.blocks),
    )


RD = with_sources(AV_ADE, RESIDUAL_SOURCES, network=RESIDUAL, discriminator=ResidualDiscriminator())
GAN_RD = with_sources(
    CIFAR10["gan-ade-cifar10"],
    RESIDUAL_SOURCES,
    network=dataclasses.replace(RESIDUAL, random="top"),
    discriminator=ResidualDiscriminator(),
)
WG = with_sources(RD, {"network": f"{TABLE}; wg: twice the planes"}, network=_wide(RESIDUAL))
IAF = with_sources(RD, {"network.flow": "Lucas, Section 5.5.3: iaf"}, network=dataclasses.replace(RESIDUAL, flow=True))
S2 = with_sources(
    AV_ADE,
    {"flow": "Lucas, Section 5.7 and Table 5.12: two scales; Choice: four blocks, whose row is that of Table 5.2"},
    flow=RealNvp(scales=2, blocks=4),
)
REFINED = {
    "gan-ade-cifar10-rd": GAN_RD,
    "av-ade-ade-cifar10-rd": RD,
    "av-ade-ade-cifar10-wg-rd": WG,
    "av-ade-ade-cifar10-iaf-rd": IAF,
    "av-ade-ade-cifar10-s2": S2,
    "gan-ade-cifar10-conditional": conditional(CIFAR10["gan-ade-cifar10"]),
    "av-ade-ade-cifar10-conditional": conditional(AV_ADE),
}


def _on(preset, data, source, wide_discriminator=False):
    """The preset on larger images of other data."""
    sources = {
        "data": source,
        "data.image_size": f"{source}: {data.image_size} x {data.image_size}",
        "batch_size": "Lucas, Section A.2: 32 in high resolution",
    }
    network, discriminator = preset.network, preset.discriminator
    if data.image_size > 48:
        network = _finer(network)
        sources["network"] = f"{source}; Choice: {FINER}"
        discriminator = dataclasses.replace(discriminator, planes=(discriminator.planes[0] // 2, *discriminator.planes))
        sources["discriminator"] = f"{TABLE}; Choice: {FINER}"
    if wide_discriminator:
        planes = tuple(2 * each for each in discriminator.planes)
        discriminator = dataclasses.replace(discriminator, planes=planes, stem_planes=2 * discriminator.stem_planes)
        sources["discriminator"] = f"{source}: wd, which nothing explains; Choice: {TABLE}'s with twice the planes"
    changes = {"data": data, "network": network, "discriminator": discriminator, "batch_size": 32}
    return with_sources(preset, sources, **changes)


STL10, IMAGENET64 = Data("stl10", 48), Data("tfds:downsampled_imagenet/64x64", 64)
LSUN = {
    "bedroom": (Data("lsun-bedroom", 64), 21.1),
    "tower": (Data("tfds:lsun/tower", 64), 15.5),
    "church": (Data("tfds:lsun/church_outdoor", 64), 13.1),
    "classroom": (Data("tfds:lsun/classroom", 64), 20.0),
    "restaurant": (Data("tfds:lsun/restaurant", 64), 20.5),
}
LARGER = {
    "av-ade-ade-stl10-wg-wd": _on(WG, STL10, DATA, wide_discriminator=True),
    "av-ade-ade-stl10-iaf-wd": _on(IAF, STL10, DATA, wide_discriminator=True),
    "av-ade-ade-stl10-s2": _on(S2, STL10, DATA),
    "av-ade-ade-imagenet64": _on(WG, IMAGENET64, DATA, wide_discriminator=True),
    **{f"av-ade-ade-lsun-{name}": _on(WG, data, DATA) for name, (data, _) in LSUN.items()},
    "av-ade-ade-celeba96": _on(WG, Data("tfds:celeb_a", 96), f"{P}: the middle 178 x 178 pixels; Choice: TFDS' split"),
    "av-ade-ade-stl10-96": _on(WG, Data("stl10", 96), P),
}
PRESETS = {**REFINED, **LARGER}


def _table(table, fid):
    return Published(f"Lucas, Table {table}", "FID", fid, f"against held-out images (Lucas, Table {table})")


def _gan_train(share):
    told = "of images of each class, in percent (Lucas, Table 5.6)"
    return Published("Lucas, Table 5.6", "GAN-train", share, told)


PUBLISHED = {
    "gan-ade-cifar10-rd": _table("5.2", 24.0),
    "av-ade-ade-cifar10-rd": _table("5.2", 26.0),
    "av-ade-ade-cifar10-wg-rd": _table("5.2", 17.2),
    "av-ade-ade-cifar10-iaf-rd": _table("5.2", 18.6),
    "av-ade-ade-cifar10-s2": _table("5.2", 28.9),
    "gan-ade-cifar10-conditional": _gan_train(29.7),
    "av-ade-ade-cifar10-conditional": _gan_train(73.4),
    "av-ade-ade-stl10-wg-wd": _table("5.4", 44.3),
    "av-ade-ade-stl10-iaf-wd": _table("5.4", 52.7),
    "av-ade-ade-stl10-s2": _table("5.4", 52.1),
    "av-ade-ade-imagenet64": _table("5.4", 45.5),
    **{f"av-ade-ade-lsun-{name}": _table("5.5", fid) for name, (_, fid) in LSUN.items()},
    "av-ade-ade-celeba96": Published(P, "FID", 24.3, "against 6.4k held-out images (CQ, Table 5)"),
    "av-ade-ade-stl10-96": Published(P, "FID", 100.8, "against 8k held-out images (CQ, Table 5)"),
}
