"""What the computer is: devices, durable files, processes, terminal, progress. Nothing of models, free to all rooms."""
