"""The Toolchain's assets: datasets, trainings, promotion, review. Each module stands alone."""
