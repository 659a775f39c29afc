"""The bench and the box: simulated sensor, synthetic fingers, broker, benchmarks, demo, wiring."""
