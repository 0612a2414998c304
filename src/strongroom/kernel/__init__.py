"""Layer 1: policy and state. Ops, calls, principals, audit, config, registry, origins."""
