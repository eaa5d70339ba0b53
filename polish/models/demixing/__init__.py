"""The Demucs networks with quicker layers, and how they are applied to a mix, segment after segment.

From the inside out: `activations` and `halves` work on values in the cache; `products`, `winograd`,
`residual` and `softmax` are whole steps; `attention`, `coders` and `transformer` are layers made of
them; `layers` puts these into a network, `networks` loads it, and `apply` runs it over a mix.
"""
