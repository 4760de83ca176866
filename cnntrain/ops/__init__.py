"""Arithmetic that several layers share; knows no layer."""
