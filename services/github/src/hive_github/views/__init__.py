"""Rows that are folded from the record: which repositories, pull requests and limits there are."""
