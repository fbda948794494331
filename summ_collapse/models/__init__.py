"""Models: loading, the encoder, tiny models from scratch, training, generation, likelihood. Every module needs torch."""
