"""Scored runs as a table of the paper: its content, and its formats."""

from whyser_eval.output.table.layout import LAYOUTS, lay_out
from whyser_eval.output.table.published import read_published
from whyser_eval.output.table.render import print_signatures, print_table, write_table

__all__ = ["LAYOUTS", "lay_out", "print_signatures", "print_table", "read_published", "write_table"]
