"""The feeder: graph, AC model, convex relaxation, power-flow replay and metrics."""
