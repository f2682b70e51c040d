"""Instruments: CPU, memory, disk, ceilings, trends and goals."""
