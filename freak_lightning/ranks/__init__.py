"""How ranks agree. Knows torch.distributed, not Lightning."""
