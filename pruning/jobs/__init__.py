"""A queue, one supervisor, workers: how a spec becomes a run folder without the web process waiting."""
