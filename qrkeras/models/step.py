"""A step of training: which loss moves which weights, in which order. Players, tapes, optimizers.

A model's `PLAYERS` names its losses and what each moves, its `measures` computes them; nothing here knows a generator
or a discriminator.
"""

import keras
import tensorflow as tf

from qrkeras.models import replicas
from qrkeras.models.noise import NOISE, BatchNoise


def check_update(update, first_steps, name):
    """`first_steps`, called `name`, as an int; raises ValueError where it does not go with `update`."""
    if update not in ("simultaneous", "alternating"):
        raise ValueError(f'update must be "simultaneous" or "alternating". Received: {update!r}')
    if first_steps < 1 or int(first_steps) != first_steps:
        raise ValueError(f"{name} must be a whole number, at least 1. Received: {first_steps}")
    if update == "simultaneous" and first_steps != 1:
        raise ValueError(
            f'{name} must be 1 where update="simultaneous", which updates both networks once '
            f'a step. Received: {first_steps}. Use update="alternating".'
        )
    return int(first_steps)


def joint_optimizer(model):
    """The optimizers of all players as one: each for the weights that its player moves."""
    owner = {id(v): model.optimizer_of(player) for player in model.PLAYERS for v in model.moved_by(player)}
    return keras.optimizers.MultiOptimizer(lambda variable: owner[id(variable)])


def take(model, batch):
    """One step of `model` on `batch`; returns what was measured."""
    measured = _simultaneous(model, batch) if model.update == "simultaneous" else _alternating(model, batch)
    if len(model.PLAYERS) > 1:
        model.optimizer.iterations.assign_add(1)  # each player's counts its own updates
    return measured


def _simultaneous(model, batch):
    """All losses at the same weights and of the same noise, then every player moves."""
    with tf.GradientTape(persistent=len(model.PLAYERS) > 1) as tape:
        measured = model.measures(batch, BatchNoise(model, batch.rows, NOISE, 0), training=True)
        totals = {player: _total(model, player, measured) for player in model.PLAYERS}
    gradients = {player: tape.gradient(totals[player], model.moved_by(player)) for player in totals}
    with _after(gradients, measured):
        for player in totals:
            _move(model, player, gradients[player])
    return measured


def _alternating(model, batch):
    """Players in their order, on fresh noise each; the first moves `first_steps` times, on its own part each time."""
    first, *others = model.PLAYERS
    parts = [batch.part(i, model.first_steps) for i in range(model.first_steps)]
    found = {}
    for place, (player, part) in enumerate([(first, p) for p in parts] + [(other, parts[-1]) for other in others]):
        noise = BatchNoise(model, part.rows, NOISE, place)
        with tf.GradientTape() as tape:
            measured = model.measures(part, noise, training=True, wanted=player)
            total = _total(model, player, measured)
        gradients = tape.gradient(total, model.moved_by(player))
        with _after(gradients, measured):
            _move(model, player, gradients)
        for name, value in measured.items():
            found.setdefault(name, []).append(value)
    return {name: tf.add_n(values) / len(values) for name, values in found.items()}


def _after(*values):
    """Context whose updates wait until all `values` are computed, at the old weights.

    A graph is to order what reads a weight before what writes it. TensorFlow 2.21 on a busy CPU was seen to move a bias
    before a gradient penalty had read it, in one of some thirty training functions: docs/results/training.md.
    """
    return tf.control_dependencies([value for value in keras.tree.flatten(values) if value is not None])


def _total(model, player, measured):
    return model.optimizer_of(player).scale_loss(replicas.share(measured[player]))


def _move(model, player, gradients):
    model.optimizer_of(player).apply(gradients, model.moved_by(player))
    model.after_update(player)


def input_gradient(function, points):
    """Gradient of each example's `function(points)`, `(batch,)`, by that example: of the shape of `points`."""
    with tf.GradientTape() as tape:
        tape.watch(points)
        values = function(points)
    return tape.gradient(values, points)


def check_finite(measured, step):
    """Stops training where one of the losses is not finite, naming it."""
    for name, loss in measured.items():
        tf.debugging.Assert(tf.math.is_finite(loss), [f"{name} is not finite at step", step, loss])
