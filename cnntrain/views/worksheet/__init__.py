"""Exercises in backpropagation with their worked solutions, and the marking of answers.

May import: views/{arrays,formula,languages}, views/trace and below.
"""
