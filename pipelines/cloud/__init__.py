"""From a compiled pipeline to Google Cloud or a Kubeflow server: profiles, checks, cost, runs, models."""
