"""Clustering of a whole chain from Parquet or arrays: integer kernels and their readable twins."""
