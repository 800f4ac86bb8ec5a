"""Search for hyperparameters: spaces as data, sweeps over them, trials that can be resumed, results."""
