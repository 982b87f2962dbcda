"""The Kubernetes API: raw JSON over `kubernetes.aio`, watched stores, and one Rollout's objects."""
