"""Scored runs as a table of the paper: its content, and its formats."""

from whyser_eval.output.table.layout import LAYOUTS, lay_out
from whyser_eval.output.table.model import Cell, Column, Group, Table, TableLine
from whyser_eval.output.table.output import print_signatures, print_table, write_table
from whyser_eval.output.table.published import Published, read_published
from whyser_eval.output.table.render import FORMATS, signatures

__all__ = [
    "FORMATS",
    "LAYOUTS",
    "Cell",
    "Column",
    "Group",
    "Published",
    "Table",
    "TableLine",
    "lay_out",
    "print_signatures",
    "print_table",
    "read_published",
    "signatures",
    "write_table",
]
