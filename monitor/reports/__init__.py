"""Reports: what the books come to, on paper.

kinds       which reports there are
settings    [[report]]: which are made by themselves, and when
worker      the process that makes them for the daemon
document    what a report is made of: headings, facts, tables, charts, signatures
figures     the figures of one period, computed once for all its reports
statement, inspection, statistics, advice, operations    one report each: figures → document
drawing, charts    charts from a few primitives, for pages and paper alike
html, pdf, xlsx    document → file

A builder knows nothing of files, a writer nothing of cameras. Names come from inventories and devices:
every writer treats them as text and nothing else.
"""
