"""Workbooks and CSV files as people send them: read without trust, mended, handed back marked."""
