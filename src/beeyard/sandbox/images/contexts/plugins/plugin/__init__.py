"""Programs of images that stand in for published Drone plugins.

They run in images without beeyard. Written from the plugins' documents, not from their code.
"""
