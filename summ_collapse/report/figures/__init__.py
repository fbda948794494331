"""Figures: one canvas for all, one file a figure."""
